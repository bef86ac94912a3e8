"""What comes from elsewhere cannot write on the terminal; what people write stays as it is."""

from __future__ import annotations

import pytest

from deploy.progress import event_line
from deploy.stacks import StackEvent
from deploy.visible import visible
from tests.deploy.fakes import FakeCloud, printed, session


@pytest.mark.parametrize("text", ["plain", "语音　识别：完成 ✔", "a\tb\nc", "👩\u200d💻", "é ü ñ", ""])
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[2Jx", "\\x1b[2Jx"), ("a\rb", "a\\rb"), ("\u202etxt", "\\u202etxt"), ("\x9b1m", "\\x9b1m"), ("\0", "\\x00"),
     ("\ud800", "\\ud800"), ("a\u2028b", "a\\u2028b")],
)  # fmt: skip
def test_what_would_act_on_a_terminal_is_shown_instead(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_results_progress_and_reasons_are_shown_so() -> None:
    made = session("list --local", FakeCloud())
    made.done({}, ["a\x1b[31m"])
    made.tell("b\x1b[31m")
    assert printed(made) == ("a\\x1b[31m\n", "b\\x1b[31m\n")
    event = StackEvent("1", "2026-11-25T00:00:00", "Run", "T", "CREATE_FAILED", "no\x1b]0;owned\x07")
    assert event_line(event) == "Run  CREATE_FAILED  no\\x1b]0;owned\\x07"
