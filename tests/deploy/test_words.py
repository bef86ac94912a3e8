"""Every message of the commands about stacks has its Chinese."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.words import FILE, in_chinese, language
from tests.deploy.test_screens import SCREENS, begun, run

DEPLOY = Path(__file__).parents[2] / "deploy"
# Call and which of its arguments are messages.
SAYING = {"Failure": 2, "Usage": 2, "ServiceError": 2, "Interrupted": 2, "tell": 1, "confirm": 1}
MODULES = [
    *map("{}.py".format, ("amendment", "assistant", "checks", "creation", "drafts", "outcome", "parameters", "plan")),
    *map("{}.py".format, ("questions", "session", "stock")),
    *map("commands/{}.py".format, ("create", "delete", "update", "resize", "drift", "logs", "open", "policy")),
    *map("commands/{}.py".format, ("estimate", "preview", "doctor", "upgrade", "outputs", "events")),
]


def messages(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for argument in node.args[: SAYING.get(name, 0)]:
                yield from _texts(argument)


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


@pytest.mark.parametrize("module", MODULES)
def test_every_message_is_there(module: str) -> None:
    words = [text for text in messages(DEPLOY / module) if any(map(str.isalpha, text.replace("{}", "")))]
    # As it would be said: with something in each place.
    unknown = [text for text in words if in_chinese(text.replace("{}", "x1")) == text.replace("{}", "x1")]
    assert unknown == []


def test_the_same_values_in_both() -> None:
    for english, chinese in json.loads(FILE.read_text(encoding="utf-8")).items():
        assert english.count("{}") == chinese.count("{}"), english


def test_values_are_put_in_their_places() -> None:
    assert in_chinese("no stack is named a in cn-hangzhou") == "没有名为 a 的资源栈（cn-hangzhou）"
    assert in_chinese("something new") == "something new"


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
