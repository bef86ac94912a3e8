"""The bundled Whisper web app: a Gradio page and an HTTP API over durable transcription jobs."""

__version__ = "0.1.0"
