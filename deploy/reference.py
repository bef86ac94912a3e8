"""Writes docs/cli.md from the option parsers: python -m deploy.reference [--check]

A test keeps the file equal to what the program takes.
"""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser, _SubParsersAction
from pathlib import Path

from .options import VERBS, parser

FILE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
_HEAD = """\
# The command line

Made by `python -m deploy.reference` from the program's own options: do not edit.

`python -m deploy COMMAND` talks to Alibaba Cloud, or with `--local` to an emulated cloud on this machine. Progress goes
to standard error, the result to standard output; the login address is the last line of `create`. With `--json` the
result is one line, `{"version": 1, "command": …, "status": "success", "data": {…}}` or
`{…, "status": "error", "error": {"code": …, "message": …, "remedy": …}}`; new keys may come, those there are stay.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | failed as the message says; `validate` has findings, `drift` found some, `doctor` found something amiss |
| 2 | wrong usage |
| 3 | a bug in the program; the message names its log |
| 130 | interrupted; nothing was deleted, and the message says how to go on |

Credentials come from the SDK's own places (environment, `~/.aliyun/config.json`, the instance's RAM role). Until a
creation ends, `create` keeps what it was asked for, without passwords and readable by its owner only, in
`~/.local/state/whisper-deploy` (with `--local` in the target's folder): `create --resume NAME` needs it when the
request never arrived. Colours are left out with `NO_COLOR`.
"""


def reference() -> str:
    """The whole document."""
    top = parser()
    commands = next(action for action in top._actions if isinstance(action, _SubParsersAction)).choices
    lines = [_HEAD, "| Command | What it does |", "|---|---|"]
    lines += [f"| [`{verb}`](#{verb}) | {purpose} |" for verb, (purpose, _) in VERBS.items()]
    everywhere = _group(commands["specs"], "where and how")
    for verb, (purpose, _) in VERBS.items():
        command = commands[verb]
        lines += ["", f"## {verb}", "", f"{purpose[0].upper()}{purpose[1:]}.", ""]
        own = [action for action in command._actions if action.help != SUPPRESS and _is_own(action, everywhere)]
        lines += _table(own) if own else ["No options of its own."]
    lines += ["", "## Options of every command", "", *_table(everywhere)]
    return "\n".join(lines) + "\n"


def _group(command: ArgumentParser, title: str) -> list[Action]:
    return next(group._group_actions for group in command._action_groups if group.title == title)


def _is_own(action: Action, everywhere: list[Action]) -> bool:
    known = {option for other in everywhere for option in other.option_strings}
    return "--help" not in action.option_strings and not known & set(action.option_strings)


def _table(actions: list[Action]) -> list[str]:
    return [
        "| Option | Meaning |",
        "|---|---|",
        *(f"| {_spelling(action)} | {_meaning(action)} |" for action in actions),
    ]


def _spelling(action: Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else ""
    if not value and action.choices:
        value = "|".join(str(choice) for choice in action.choices)
    elif not value and action.nargs != 0:
        value = action.dest.upper()
    value = f"{value} …" if action.nargs == "+" else value
    names = " ".join(action.option_strings)
    text = " ".join(part for part in (names, value) if part).replace("|", "\\|")
    return f"`{text}`"


def _meaning(action: Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("|", "\\|")
    return f"{text} (required)" if action.required and action.option_strings else text


def main(words: list[str]) -> int:
    if "--check" not in words:
        FILE.write_text(reference(), encoding="utf-8")
        return 0
    fresh = FILE.is_file() and FILE.read_text(encoding="utf-8") == reference()
    if not fresh:
        print(f"{FILE} is not fresh; run: python -m deploy.reference", file=sys.stderr)  # noqa: T201
    return 0 if fresh else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
