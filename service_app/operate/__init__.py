"""What an operator does on the machine itself: `python -m service_app COMMAND`."""
