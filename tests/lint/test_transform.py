"""Templates that ROS turns into others: the rest of them is checked, and a note says what was not."""

from __future__ import annotations

import pytest

from deploy.lint import CODES, Severity

from .support import check, places

HEAD = "ROSTemplateFormatVersion: '2015-09-01'\n"
TERRAFORM = """\
Transform: Aliyun::Terraform-v1.5
Parameters:
  zone:
    Type: String
    Label: {en: Zone, zh-cn: 可用区}
    AssociationProperty: ALIYUN::ECS::Instance::ZoneId
    AssociationPropertyMetadata: {InstanceType: '${instance_type}'}
Workspace:
  main.tf: |
    variable "instance_type" { type = string }
    variable "zone" { type = string }
    resource "alicloud_vpc" "main" { cidr_block = "10.0.0.0/16" }
Outputs:
  vpc: {Value: null, Label: {en: Network, zh-cn: 网络}}
Metadata:
  ALIYUN::ROS::Interface:
    ParameterGroups:
      - Parameters: [zone, instance_type]
        Label: {default: {en: Machine, zh-cn: 实例}}
"""
SERVERLESS = """\
Transform: Aliyun::Serverless-2018-04-03
Resources:
  speech:
    Type: Aliyun::Serverless::Service
    Properties: {Description: subtitles}
    convert:
      Type: Aliyun::Serverless::Function
      Properties: {Handler: index.handler, Runtime: python3.9, CodeUri: oss://bucket/code.zip}
  bucket:
    Type: ALIYUN::OSS::Bucket
    Properties: {BucketName: subtitles}
"""


@pytest.mark.parametrize("text", [TERRAFORM, SERVERLESS])
def test_what_only_ros_can_turn_is_told_and_is_no_finding(text: str) -> None:
    [finding] = check(HEAD + text)
    assert places([finding]) == [("WCN115", 2, 12)]
    assert CODES[finding.code].severity is Severity.NOTE
    assert finding.render("en").startswith("t.yaml:2:12 note WCN115 Aliyun::")
    assert "由 ROS 展开" in finding.render("zh")


def test_the_rest_of_such_a_template_is_checked() -> None:
    broken = SERVERLESS.replace("BucketName:", "BucketNam:")
    assert [finding.code for finding in check(HEAD + broken)] == ["WCN115", "WCN306", "WCN305"]


def test_serverless_types_need_their_transform() -> None:
    without = SERVERLESS.replace("Transform: Aliyun::Serverless-2018-04-03\n", "")
    assert {finding.code for finding in check(HEAD + without)} == {"WCN302", "WCN304"}


def test_files_without_a_transform_are_no_terraform() -> None:
    """A Workspace alone does nothing: without Transform, ROS finds no resources."""
    assert "WCN108" in [
        finding.code for finding in check(HEAD + TERRAFORM.replace("Transform: Aliyun::Terraform-v1.5\n", ""))
    ]
