"""The HTTP API: OpenAI's audio endpoints, the job endpoints, health."""
