"""requirements/*.lock: what pip installs with --require-hashes, both files at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "requirements"


def names(lock: str) -> list[str]:
    lines = (FOLDER / lock).read_text().splitlines()[1:]
    found = [re.fullmatch(r"([\w.-]+)==[\w.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return [match[1].lower() for match in found if match]


def test_every_package_is_pinned_once() -> None:
    """Twice would mean two hashes for one file name, which pip refuses."""
    image, gpu = names("image.lock"), names("gpu.lock")
    assert len(image) > 50
    assert {"torch", "openai-whisper", "nvidia-cublas-cu12"} <= set(gpu)
    assert not set(image) & set(gpu)
    assert len(image + gpu) == len(set(image + gpu))


def test_what_the_app_names_is_locked() -> None:
    extras = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {re.match(r"[\w.-]+", line)[0].lower() for extra in ("web", "fast") for line in extras[extra]}  # type: ignore[index]
    assert named <= set(names("image.lock"))
