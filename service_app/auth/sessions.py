"""How long a session lives, in seconds: so long without use, and so long at all."""

from __future__ import annotations

from typing import Final

IDLE_SECONDS: Final = 12 * 3600
ABSOLUTE_SECONDS: Final = 7 * 24 * 3600
