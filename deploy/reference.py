"""Writes docs/cli.md and docs/cli.zh-CN.md from the option parsers: python -m deploy.reference [--check]

A test keeps the files equal to what the program takes.
"""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser, _SubParsersAction
from dataclasses import dataclass
from pathlib import Path

from .options import VERBS, parser

DOCS = Path(__file__).resolve().parent.parent / "docs"
FILES = {"en": DOCS / "cli.md", "zh": DOCS / "cli.zh-CN.md"}


@dataclass(frozen=True, slots=True)
class _Words:
    """What the document says besides the program's own help."""

    head: str
    commands: str
    options: str
    none: str
    everywhere: str
    required: str


_ENGLISH = _Words(
    """\
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
""",
    "| Command | What it does |",
    "| Option | Meaning |",
    "No options of its own.",
    "Options of every command",
    "(required)",
)
_CHINESE = _Words(
    """\
# 命令行

由 `python -m deploy.reference` 根据程序自身的选项生成，请勿手工修改。

`python -m deploy COMMAND` 操作阿里云；加 `--local` 则操作本机的模拟云。进度写到标准错误，结果写到标准输出；
`create` 的最后一行是登录地址。加 `--json` 时结果为一行 `{"version": 1, "command": …, "status": "success", "data": {…}}`
或 `{…, "status": "error", "error": {"code": …, "message": …, "remedy": …}}`；以后可能增加键，已有的保持不变。
`--lang zh` 或中文 locale 下消息为中文，JSON 始终为英文。

| 退出码 | 含义 |
|---|---|
| 0 | 完成 |
| 1 | 失败，原因见消息；`validate` 有发现、`drift` 有偏差、`doctor` 有问题 |
| 2 | 用法错误 |
| 3 | 程序缺陷；消息给出日志位置 |
| 130 | 已中断；未删除任何内容，消息说明如何继续 |

凭证取自 SDK 的默认位置（环境变量、`~/.aliyun/config.json`、实例的 RAM 角色）。创建结束之前，`create` 把所请求的内容
（不含密码，仅本人可读）保存在 `~/.local/state/whisper-deploy`（`--local` 时在本地目标的目录）：
请求未送达时 `create --resume NAME` 需要它。设置 `NO_COLOR` 可去掉颜色。
""",
    "| 命令 | 作用 |",
    "| 选项 | 含义 |",
    "没有自己的选项。",
    "所有命令的选项",
    "（必填）",
)


def reference(language: str = "en") -> str:
    """The whole document."""
    words = _CHINESE if language == "zh" else _ENGLISH
    top = parser(language)
    verbs = next(action for action in top._actions if isinstance(action, _SubParsersAction))
    commands: dict[str, ArgumentParser] = verbs.choices
    purposes = {action.dest: action.help or "" for action in verbs._choices_actions}
    lines = [words.head, words.commands, "|---|---|"]
    lines += [f"| [`{verb}`](#{verb}) | {purpose} |" for verb, purpose in purposes.items()]
    everywhere = _last_group(commands["specs"])
    for verb in VERBS:
        command = commands[verb]
        lines += ["", f"## {verb}", "", command.description or "", ""]
        own = [action for action in command._actions if action.help != SUPPRESS and _is_own(action, everywhere)]
        lines += _table(own, words) if own else [words.none]
    lines += ["", f"## {words.everywhere}", "", *_table(everywhere, words)]
    return "\n".join(lines) + "\n"


def _last_group(command: ArgumentParser) -> list[Action]:
    """The options of every command come last."""
    return command._action_groups[-1]._group_actions


def _is_own(action: Action, everywhere: list[Action]) -> bool:
    known = {option for other in everywhere for option in other.option_strings}
    return "--help" not in action.option_strings and not known & set(action.option_strings)


def _table(actions: list[Action], words: _Words) -> list[str]:
    return [
        words.options,
        "|---|---|",
        *(f"| {_spelling(action)} | {_meaning(action, words)} |" for action in actions),
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


def _meaning(action: Action, words: _Words) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("|", "\\|")
    return f"{text} {words.required}" if action.required and action.option_strings else text


def main(words: list[str]) -> int:
    texts = {file: reference(language) for language, file in FILES.items()}
    if "--check" not in words:
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
        return 0
    stale = [file for file, text in texts.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    for file in stale:
        print(f"{file} is not fresh; run: python -m deploy.reference", file=sys.stderr)  # noqa: T201
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
