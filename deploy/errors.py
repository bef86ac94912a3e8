"""Errors that a user can cause. Each is one line that says where and what, and a second half that says what to do; the
command line prints that and nothing else, never a traceback.

Failure 1          expected: name taken, no credentials, stack failed
├── Usage 2        the command itself is wrong: missing option, unknown spec, weak password
├── ServiceError 1 the service said no; `code` is the service's own
└── Interrupted 130
"""

from __future__ import annotations


class Failure(Exception):
    """`message` says where and what, `remedy` what to type next, `code` is stable for programs. `details` are further
    lines, such as the end of a log."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "", *, code: str = "Failed", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.remedy, self.code, self.details = message, remedy, code, details

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class Usage(Failure):
    exit_code = 2

    def __init__(self, message: str, remedy: str = "", *, code: str = "Usage") -> None:
        super().__init__(message, remedy, code=code)


class ServiceError(Failure):
    """`status` is the HTTP status, 0 when no answer came."""

    def __init__(self, message: str, remedy: str = "", *, code: str, status: int = 0) -> None:
        super().__init__(message, remedy, code=code)
        self.status = status


class Interrupted(Failure):
    """The user pressed Ctrl-C; what was begun goes on."""

    exit_code = 130

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy, code="Interrupted")
