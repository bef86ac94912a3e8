"""The schema data: whole, dated, readable; and the generator reads the form that the packages have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.lint import schema
from deploy.lint.codes import to_markdown
from deploy.lint.schema import generate

ROOT = Path(__file__).parents[2]
# What aliyun's public Compute Nest samples provision.
NEEDED = (
    "ALIYUN::ECS::VPC",
    "ALIYUN::ECS::VSwitch",
    "ALIYUN::ECS::SecurityGroup",
    "ALIYUN::ECS::Instance",
    "ALIYUN::ECS::InstanceGroup",
    "ALIYUN::ECS::RunCommand",
    "ALIYUN::ECS::Disk",
    "ALIYUN::ECS::LaunchTemplate",
    "ALIYUN::VPC::EIP",
    "ALIYUN::VPC::EIPAssociation",
    "ALIYUN::VPC::NatGateway",
    "ALIYUN::VPC::SnatEntry",
    "ALIYUN::SLB::LoadBalancer",
    "ALIYUN::SLB::Listener",
    "ALIYUN::SLB::BackendServerAttachment",
    "ALIYUN::ALB::LoadBalancer",
    "ALIYUN::ALB::Listener",
    "ALIYUN::ALB::ServerGroup",
    "ALIYUN::ESS::ScalingGroup",
    "ALIYUN::ESS::ScalingConfiguration",
    "ALIYUN::ESS::ScalingRule",
    "ALIYUN::ESS::ScalingGroupEnable",
    "ALIYUN::RDS::DBInstance",
    "ALIYUN::RDS::Account",
    "ALIYUN::NAS::FileSystem",
    "ALIYUN::NAS::MountTarget",
    "ALIYUN::OSS::Bucket",
    "ALIYUN::RAM::Role",
    "ALIYUN::RAM::ManagedPolicy",
    "ALIYUN::ROS::Stack",
    "ALIYUN::ROS::WaitCondition",
    "ALIYUN::ROS::WaitConditionHandle",
    "ALIYUN::ROS::Sleep",
    "ALIYUN::ROS::Assert",
    "ALIYUN::ROS::AutoEnableService",
    "ALIYUN::OOS::Template",
    "ALIYUN::OOS::Execution",
    "ALIYUN::OOS::SecretParameter",
    "ALIYUN::ComputeNest::ServiceInstance",
    "ALIYUN::CMS::MetricRuleTemplate",
    "ALIYUN::CS::ManagedKubernetesCluster",
    "ALIYUN::RandomString",
    "DATASOURCE::ECS::Instances",
)

SOURCE = """
function RosThingPropsValidator(properties) {
    errors.collect(ros.propertyValidator('zoneId', ros.requiredValidator)(properties.zoneId));
    if (properties.size && (typeof properties.size) !== 'object') {
        errors.collect(ros.propertyValidator('size', ros.validateRange)({
            data: properties.size,
            min: 1,
            max: undefined,
        }));
    }
    errors.collect(ros.propertyValidator('size', ros.validateNumber)(properties.size));
    errors.collect(ros.propertyValidator('kind', ros.validateAllowedValues)({
          data: properties.kind,
          allowedValues: ["a", "b"],
    }));
    return errors.wrap('');
}
function rosThingPropsToRosTemplate(properties, enableResourcePropertyConstraint) {
    return {
        'ZoneId': ros.stringToRosTemplate(properties.zoneId),
        'Size': ros.numberToRosTemplate(properties.size),
        'Kind': ros.stringToRosTemplate(properties.kind),
        'Tags': ros.listMapper(rosThingTagsPropertyToRosTemplate)(properties.tags),
    };
}
class RosThing extends ros.RosResource {
    constructor(scope, id, props) {
        this.attrThingId = this.getAtt('ThingId');
    }
}
RosThing.ROS_RESOURCE_TYPE_NAME = "ALIYUN::X::Thing";
function RosThing_TagsPropertyValidator(properties) {
    errors.collect(ros.propertyValidator('key', ros.requiredValidator)(properties.key));
    return errors.wrap('');
}
function rosThingTagsPropertyToRosTemplate(properties) {
    return {
        'Key': ros.stringToRosTemplate(properties.key),
    };
}
"""


@pytest.mark.parametrize("name", NEEDED)
def test_the_types_of_the_samples_are_there(name: str) -> None:
    known = schema.resource(name)
    assert known is not None and (known.properties or known.attributes)


def test_every_type_can_be_read_and_every_structure_is_there() -> None:
    names = [name for group in schema.types().values() for name in group]
    assert len(names) > 700
    for name in names:
        known = schema.resource(name)
        assert known is not None
        for shape in (known.properties, *known.structures.values()):
            for wanted in shape.values():
                structure = wanted.type.partition("@")[2]
                assert not structure or structure in known.structures, name


def test_the_index_says_what_the_data_was_made_from() -> None:
    index = json.loads((ROOT / "deploy" / "lint" / "schema" / "index.json").read_text(encoding="utf-8"))
    assert set(index["made_from"]) == {f"ros-cdk-{product}" for product in generate.PRODUCTS}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in index["made_from"].values())
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", index["date"])


def test_the_generator_reads_names_types_constraints_and_attributes() -> None:
    assert dict(generate.resources(SOURCE)) == {
        "ALIYUN::X::Thing": {
            "attributes": ["ThingId"],
            "properties": {
                "ZoneId": {"type": "string", "required": True},
                "Size": {"type": "number", "min": 1},
                "Kind": {"type": "string", "values": ["a", "b"]},
                "Tags": "list:@tags",
            },
            "structures": {"tags": {"Key": {"type": "string", "required": True}}},
        }
    }


def test_the_generator_stops_at_a_form_that_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="unknown form"):
        dict(generate.resources(SOURCE.replace("ros.numberToRosTemplate(properties.size)", "properties.size ?? 1")))


def test_the_list_of_codes_in_the_docs_is_fresh() -> None:
    """After a change: python -m deploy.lint > docs/lint-codes.md"""
    assert (ROOT / "docs" / "lint-codes.md").read_text(encoding="utf-8") == to_markdown()
