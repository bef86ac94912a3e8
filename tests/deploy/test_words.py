"""Everything that the command line says has its Chinese: messages, results, questions, help and argparse's words."""

from __future__ import annotations

import ast
import io
import json
import re
from argparse import SUPPRESS, ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cli import run as cli
from deploy.options import VERBS, parser
from deploy.options.spoken import columns, wrapped
from deploy.words import FILE, PLACE, in_chinese, language
from tests.deploy.test_screens import SCREENS, begun, run

DEPLOY = Path(__file__).parents[2] / "deploy"
# Call and which of its arguments are messages.
SAYING = {"Failure": 2, "Usage": 2, "ServiceError": 2, "Interrupted": 2, "tell": 1, "confirm": 1, "table": 1}
LINES = {"lines", "told"}  # what results are gathered in, before `done` gets them
# Programs of their own: the emulator, the lint, which has both languages, and the maker of docs/cli.md.
ELSEWHERE = {"local", "lint", "options", "reference.py"}
MODULES = sorted(
    str(module.relative_to(DEPLOY))
    for module in DEPLOY.rglob("*.py")
    if module.relative_to(DEPLOY).parts[0] not in ELSEWHERE
)


def messages(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        for said in _said(node):
            yield from _texts(said)


def _said(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.FunctionDef) and node.name.endswith("lines"):
        within = list(ast.walk(node))
        named = [each for each in within if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)]
        given = [each for each in within if isinstance(each, ast.Return)]
        return [each.value for each in (*named, *given) if each.value is not None]
    if isinstance(node, ast.Assign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return [node.value] if getattr(target, "id", "") in LINES else []
    if not isinstance(node, ast.Call):
        return []
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "done":
        return node.args[1:2]
    if name == "append" and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in LINES:
        return node.args
    return node.args[: SAYING.get(name, 0)]


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            yield from _texts(element)
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value)
    elif isinstance(node, ast.Starred):
        yield from _texts(node.value)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        yield from _texts(node.elt)


@pytest.mark.parametrize("module", MODULES)
def test_every_message_is_there(module: str) -> None:
    words = [text for text in messages(DEPLOY / module) if any(map(str.isalpha, text.replace("{}", "")))]
    # As it would be said: with something in each place, and before what ends a line.
    ends = re.compile(r"  \w")
    spoken = [("x1" if ends.match(text) else "") + text.replace("{}", "x1") for text in words]
    unknown = [text for text in spoken if in_chinese(text) == text]
    assert unknown == []


def test_the_same_values_in_both() -> None:
    for english, chinese in json.loads(FILE.read_text(encoding="utf-8")).items():
        assert len(PLACE.findall(english)) == chinese.count("{}"), english


def test_values_are_put_in_their_places() -> None:
    assert in_chinese("no stack is named a in cn-hangzhou") == "没有名为 a 的资源栈（cn-hangzhou）"
    assert in_chinese("something new") == "something new"


def test_a_stack_may_have_the_name_of_a_word() -> None:
    assert in_chinese("stock") == "库存"
    assert in_chinese("stock is ready") == "stock 已就绪"


def test_a_short_message_is_no_part_of_a_longer_one() -> None:
    assert in_chinese("service-1 is Online") == "service-1 为 Online"
    assert in_chinese("the disk of that instance is full") == "the disk of that instance is full"


CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_is_spoken_in_chinese(verb: str) -> None:
    english, chinese = (_spoken(parser(language), verb) for language in ("en", "zh"))
    assert [text for text in chinese if not CHINESE.search(text)] == []
    assert [text.count("%(default)s") for text in chinese] == [text.count("%(default)s") for text in english]


def _spoken(top: ArgumentParser, verb: str) -> list[str]:
    commands = next(action for action in top._actions if isinstance(action, _SubParsersAction))
    command = commands.choices[verb] if verb else top
    helps = [action.help for action in (*command._actions, *(() if verb else commands._choices_actions))]
    groups = [group.title for group in command._action_groups]
    return [text for text in (command.description, command.epilog, *groups, *helps) if text and text != SUPPRESS]


def test_help_begins_in_chinese_by_locale_and_by_option(capsys: pytest.CaptureFixture[str]) -> None:
    for words, environ in ((["--help"], {"LANG": "zh_CN.UTF-8"}), (["create", "--lang", "zh", "-h"], {}),
                           (["--lang=zh", "status", "-h"], {})):  # fmt: skip
        with pytest.raises(SystemExit):
            cli(words, environ=environ)
        assert capsys.readouterr().out.startswith("用法：python -m deploy")
    with pytest.raises(SystemExit):
        cli(["--help", "--lang", "en"], environ={"LANG": "zh_CN.UTF-8"})
    assert capsys.readouterr().out.startswith("usage: python -m deploy")


@pytest.mark.parametrize("width", [20, 40, 56])
def test_help_fits_the_terminal(width: int) -> None:
    text = "从标准输入的下一行读取实例的 root 密码（默认：随机且不显示；会话管理无需密码，也可在控制台重置）"
    lines = wrapped(text, width)
    assert max(map(columns, lines)) <= width + 2  # the punctuation that may not begin a line
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line[0] in "，。；：、）" for line in lines)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["create", "--spec"],
        ["create", "--tags"],
        ["create", "--timeout", "soon"],
        ["create", "--pay", "later"],
        ["create", "--password-stdin", "--generate-password"],
        ["create", "--protect=yes"],
        ["upgrade"],
        ["delete"],
        ["status", "a", "b"],
        ["status", "--fast"],
    ],
)
def test_argparse_complains_in_chinese(words: list[str]) -> None:
    complaint = io.StringIO()
    assert cli(words, stderr=complaint, environ={"LANG": "zh_CN.UTF-8"}) == 2
    said = complaint.getvalue()
    assert said.startswith("错误：")
    left = re.sub(r"'[^']*'|--?[\w-]+(?:/--?[\w-]+)*|python -m deploy( \w+)?|COMMAND|NAME|\b[ab]\b|int", "", said)
    assert re.findall(r"[A-Za-z]{2,}", left) == [], said


def test_the_locale_decides() -> None:
    assert language({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) == "en"
    assert language({}) == "en"


def test_a_screen_in_chinese() -> None:
    screen = SCREENS["create"]
    cloud = screen.cloud()
    made = begun(screen.words, cloud)
    made.environ = {"LANG": "zh_CN.UTF-8"}
    run(made, cloud)
    assert made.stdout.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "whisper 已就绪",
        "接口地址  http://127.0.0.1:1/v1",
        "用户名    admin",
        "登录地址  http://127.0.0.1:1/",
    ]
