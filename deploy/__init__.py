"""The command line: renders, validates, deploys and looks after Whisper stacks on Alibaba Cloud or on this machine."""

__version__ = "0.1.0"
