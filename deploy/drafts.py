"""What is remembered of a creation until it ends, so that `create --resume` can go on after the command line was
killed: the token that makes asking again harmless, and the answers. No password is in it, nor its hash."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import Failure


@dataclass(frozen=True, slots=True)
class Draft:
    """`answers` are options of `create` by their names in the parsed arguments."""

    name: str
    client_token: str
    answers: Mapping[str, Any]
    stack_id: str = ""


class Drafts:
    """One file for each name in `folder`, for its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, draft: Draft) -> None:
        """Whole or not at all: written beside, then moved. Raises `Failure`."""
        path = self._path(draft.name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = path.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(draft), file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise Failure(
                f"{self._folder}: cannot keep state here ({error.strerror})",
                "set XDG_STATE_HOME, or --state-dir with --local, to a folder that can be written",
                code="StateFolder",
            ) from None

    def find(self, name: str) -> Draft | None:
        """A file that somebody damaged is none."""
        try:
            return Draft(**json.loads(self._path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def forget(self, name: str) -> None:
        """The creation ended, or its stack is gone. Leaves no empty folder."""
        try:
            self._path(name).unlink(missing_ok=True)
            self._folder.rmdir()
        except OSError:
            return  # others are still in it, or it never was

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
