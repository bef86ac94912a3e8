"""Any single mutation of a kind, wherever it is made, is found where it was made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from .support import BASE, check, places


@dataclass(frozen=True)
class Mutation:
    """Words that may be replaced: the first group of `words` is what is replaced, `by` what comes instead."""

    code: str
    words: str
    by: str


MUTATIONS = (
    Mutation("WCN302", r"Type: (ALIYUN::\w+::\w+)", "ALIYUN::ECS::Nonsense"),
    Mutation("WCN305", r"\n      (\w+): \{(?:Ref|Fn)", "Nonsense"),
    Mutation("WCN401", r"Ref: (\w+)\}", "Nonsense"),
    Mutation("WCN403", r"Fn::GetAtt: \[\w+, (\w+)\]", "Nonsense"),
    Mutation("WCN404", r"(?:Fn::If: \[|- |Condition: )(IsLarge\w*)\b", "Nonsense"),
    Mutation("WCN703", r"Parameters: \[(\w+)", "Nonsense"),
    Mutation("WCN202", r"\n    (Label|NoEcho|MinLength|MaxLength|MinValue|AllowedPattern): ", "Nonsense"),
    Mutation("WCN707", r"(?:Description): (\{en: [^}]*\})", "Nonsense"),
)
SPOTS = [(mutation, match.span(1)) for mutation in MUTATIONS for match in re.finditer(mutation.words, BASE)]


def test_there_is_something_to_mutate() -> None:
    assert {mutation for mutation, _ in SPOTS} == set(MUTATIONS)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(SPOTS))
def test_a_mutation_is_found_where_it_was_made(spot: tuple[Mutation, tuple[int, int]]) -> None:
    mutation, (start, end) = spot
    in_output = mutation.code == "WCN202" and BASE.find("Outputs:") < start
    text = BASE[:start] + mutation.by + BASE[end:]
    line, column = BASE.count("\n", 0, start) + 1, start - BASE.rfind("\n", 0, start)
    code = "WCN702" if in_output else mutation.code
    assert (code, line, column) in places(check(text))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_damage_makes_the_lint_fail(data: st.DataObject) -> None:
    """Whatever is cut out of a template or put into it, there is an answer, sorted by place."""
    start = data.draw(st.integers(0, len(BASE)))
    length = data.draw(st.integers(0, 80))
    junk = data.draw(st.text(alphabet="abc:{}[]'\"-&*!|>%@$ \n\t0?#Fn::Ref", max_size=12))
    findings = check(BASE[:start] + junk + BASE[start + length :])
    order = [(finding.line, finding.column) for finding in findings]
    assert order == sorted(order)
    for finding in findings:
        assert finding.line >= 1 and finding.column >= 1
        assert finding.render("zh") and finding.render("en")
