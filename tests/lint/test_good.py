"""Good templates have no findings: ours, and examples of many products in YAML and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.lint import lint

from .support import FOLDER, check

GOOD = sorted([*(FOLDER / "good").iterdir(), *(FOLDER.parents[1] / "ros_templates").glob("*.yaml")])


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_a_good_template_has_no_findings(file: Path) -> None:
    assert lint(file.read_text(encoding="utf-8"), str(file)) == []


def test_places_in_json_are_those_of_the_file() -> None:
    text = (FOLDER / "good" / "nested.json").read_text(encoding="utf-8")
    broken = text.replace('"CreateDuration": 10', '"CreateDuratio": 10')
    [finding] = check(broken)
    assert finding.code == "WCN305"
    assert broken.splitlines()[finding.line - 1][finding.column - 1 :].startswith('"CreateDuratio"')


def test_a_short_tag_means_what_its_long_form_means() -> None:
    text = """\
ROSTemplateFormatVersion: '2015-09-01'
Resources:
  Vpc:
    Type: ALIYUN::ECS::VPC
    Properties: {VpcName: !Sub 'a-${ALIYUN::StackName}'}
  Group:
    Type: ALIYUN::ECS::SecurityGroup
    Properties:
      VpcId: !GetAtt Vpc.VpcId
      SecurityGroupName: !Join ['-', [a, !Select [0, [b]]]]
  Stack:
    Type: ALIYUN::ROS::Stack
    Properties: {TemplateURL: oss://a/b}
Outputs:
  Id: {Value: !GetAtt Stack.Outputs.Id}
"""
    assert [finding.code for finding in check(text)] == ["WCN801"]
    assert [finding.code for finding in check(text.replace("Vpc.VpcId", "Vpc.Vpc"))] == ["WCN801", "WCN403"]


def test_a_large_template_is_read_once() -> None:
    resources = {
        f"Switch{number}": {
            "Type": "ALIYUN::ECS::VSwitch",
            "Properties": {"VpcId": "vpc-1", "ZoneId": "cn-hangzhou-h", "CidrBlock": f"10.0.{number}.0/24"},
        }
        for number in range(200)
    }
    text = json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources}, indent=1)
    assert check(text) == []
