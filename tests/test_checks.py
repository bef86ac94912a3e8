"""The static checks are part of the suite, so that one command shows everything."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_style_types_contracts_scripts_and_templates() -> None:
    run = subprocess.run([ROOT / "scripts/check.sh"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
