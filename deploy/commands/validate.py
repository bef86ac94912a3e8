"""python -m deploy validate FILE… [--lang en|zh]"""

from __future__ import annotations

from pathlib import Path

from ..errors import Usage
from ..lint import Finding, Language, Severity, lint
from ..session import Session


def validate(session: Session) -> int:
    """Checks templates without the cloud. Exit code 1 when there are findings; a note is none."""
    findings = [finding for file in session.args.files for finding in lint(_read(file), file)]
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in Severity}
    clean = not counts[Severity.ERROR] and not counts[Severity.WARNING]
    language: Language = "zh" if session.language == "zh" else "en"
    data = {
        "files": session.args.files,
        "clean": clean,
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
        "notes": counts[Severity.NOTE],
        "findings": [finding.to_json() for finding in findings],
    }
    session.done(data, [finding.render(language) for finding in findings])
    if not session.json:
        session.tell(_summary(findings, len(session.args.files), language))
    return 0 if clean else 1


def _read(file: str) -> str:
    try:
        return Path(file).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Usage(
            f"{file}: cannot be read ({error.strerror})", "give the path of a template", code="Unreadable"
        ) from None
    except UnicodeDecodeError as error:
        raise Usage(f"{file}: not UTF-8 (byte {error.start})", "save it as UTF-8", code="Unreadable") from None


def _summary(findings: list[Finding], files: int, language: Language) -> str:
    errors = sum(finding.severity == Severity.ERROR for finding in findings)
    warnings = sum(finding.severity == Severity.WARNING for finding in findings)
    if language == "zh":
        return f"{files} 个文件：{errors} 个错误，{warnings} 个警告"
    return f"{_plural(files, 'file')}: {_plural(errors, 'error')}, {_plural(warnings, 'warning')}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
