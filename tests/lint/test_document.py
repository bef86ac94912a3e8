"""Texts that are hard to read: what is wrong with them is said with the right line, and nothing is guessed."""

from __future__ import annotations

import pytest

from deploy.lint import lint

from .support import check, places

HEAD = "ROSTemplateFormatVersion: '2015-09-01'\nResources:\n  A: {Type: 'ALIYUN::ROS::WaitConditionHandle'}\n"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: [1, 2", 2, 1),
        ("a:\n\t- b\n", 2, 1),
        ('{"a": 1,\n "b" 2}', 2, 6),
        ("a: \x07\n", 1, 4),
        ("a: *nowhere\n", 1, 4),
        ("? [a, b]\n: c\n", 1, 3),
        ("a: &x {b: *x}\n", 1, 4),
        ("a: 1\n---\nb: 2\n", 2, 1),
        ("[\n" * 500_000, 101, 1),
        ("\n".join(" " * level + "a:" for level in range(3000)), 101, 101),
    ],
)
def test_unreadable_text_is_one_finding(text: str, line: int, column: int) -> None:
    [finding] = check(text)
    assert finding.code == "WCN101"
    assert (finding.line, finding.column) == (line, column)


def test_nesting_within_one_line_is_one_finding() -> None:
    """Where it is found depends on libyaml, which looks ahead within a line."""
    [finding] = check("[" * 500_000)
    assert (finding.code, finding.line) == ("WCN101", 1)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just text\n"])
def test_what_is_no_template_is_said_to_be_none(text: str) -> None:
    assert [finding.code for finding in check(text)] == ["WCN107"]


def test_a_file_of_aliases_that_explodes_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert [finding.code for finding in check("\n".join(lines))] == ["WCN110"]


def test_aliases_that_nest_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 900))]
    assert [finding.code for finding in check("\n".join(lines))] == ["WCN110"]


def test_merge_keys_give_what_they_inherit() -> None:
    text = HEAD.replace(
        "Resources:\n",
        "Resources:\n  B: &b {Type: ALIYUN::ECS::VPC, Properties: {VpcNam: x}}\n  C: {<<: *b, DeletionPolicy: Keep}\n",
    )
    assert [(finding.code, finding.line) for finding in check(text)] == [("WCN305", 3), ("WCN313", 4)]


@pytest.mark.parametrize("word", ["yes", "No", "ON", "0755", "1_000", "0x10", "12:30:45", "1.50"])
def test_words_that_yaml_changes_need_quotes(word: str) -> None:
    text = f"{HEAD}  V: {{Type: 'ALIYUN::ECS::VPC', Properties: {{Description: {word}}}}}\n"
    assert [finding.code for finding in check(text)] == ["WCN103"]
    assert check(text.replace(f"Description: {word}", f"Description: '{word}'")) == []


@pytest.mark.parametrize("word", ["true", "False", "null", "12", "-3", "1.5", "2015-09-01", "1.2.3", "a:b", "off-peak"])
def test_words_that_yaml_leaves_alone_need_none(word: str) -> None:
    assert check(f"{HEAD}  V: {{Type: 'ALIYUN::ECS::VPC', Properties: {{Description: {word}}}}}\n") == []


def test_limits_of_the_service() -> None:
    resources = "".join(f"  H{number}: {{Type: 'ALIYUN::ROS::WaitConditionHandle'}}\n" for number in range(200))
    assert places(check(HEAD + resources)) == [("WCN109", 2, 1)]
    assert [finding.code for finding in check(HEAD + f"# {'x' * 524_288}\n")] == ["WCN104"]
    assert [finding.code for finding in check("ROSTemplateFormatVersion: '2015-09-01'\nResources: {}\n")] == ["WCN108"]


def test_a_product_outside_the_schema_is_a_note() -> None:
    text = HEAD.replace("ALIYUN::ROS::WaitConditionHandle", "ALIYUN::EHPC::Cluster")
    [finding] = lint(text, "a.yaml")
    assert finding.render("en") == (
        "a.yaml:3:13 note WCN303 type ALIYUN::EHPC::Cluster is not in the schema data; its properties were not checked"
    )


OLDER = """\
  Gateway:
    Type: ALIYUN::VPC::NatGateway
    Properties: {VpcId: vpc-1, VSwitchId: vsw-1, Spec: Small}
  Acl:
    Type: ALIYUN::SLB::AccessControl
    Properties: {AclName: office, AclEntrys: [{entry: 10.0.0.0/8}]}
  Database:
    Type: ALIYUN::RDS::DBInstance
    Properties: {Engine: MySQL, EngineVersion: '8.0', DBInstanceClass: mysql.n2.small.1, DBInstanceStorage: 20,
      VPCId: vpc-1, SecurityIPList: 10.0.0.0/8}
"""


def test_older_spellings_of_published_templates_are_no_errors() -> None:
    assert [finding.code for finding in check(HEAD + OLDER)] == ["WCN312"] * 3
    assert check(HEAD + OLDER.replace("VPC::Nat", "ECS::Nat"))[0].code == "WCN303"


def test_a_line_of_a_block_is_counted_from_its_text() -> None:
    text = (
        HEAD
        + "  C:\n    Type: ALIYUN::ECS::VPC\n    Properties:\n      VpcName:\n"
        + "        Fn::Sub: |\n          a\n          b ${Nobody} c\n"
    )
    assert places(check(text)) == [("WCN401", 10, 13)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("a:\n\t- b\n", "a tab cannot indent; use spaces"), ("a: \x00\n", "control characters are not allowed: #x0000")],
)
def test_what_cannot_be_seen_is_named(text: str, problem: str) -> None:
    [finding] = check(text)
    assert problem in finding.message("en")
