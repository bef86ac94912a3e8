"""Makes this folder's JSON files, the properties and attributes of ROS resources, from the `ros-cdk-*` packages.

    python -m deploy.lint.schema.generate [--wheels DIR]

Run it when Alibaba Cloud publishes new packages and commit what it writes; nothing else runs it. Each package is a
wheel that carries a jsii tarball, in which `lib/<product>.generated.js` states every property three times: with its
name in a template and its type (`…ToRosTemplate`), with its constraints (`…Validator`) and, per resource, the
attributes of `Fn::GetAtt`. Those statements have one form, so that regular expressions read them; one that they cannot
read stops the run with its text.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = "1.15.0"
PRODUCTS = [
    "alb",
    "apig",
    "arms",
    "cas",
    "cen",
    "cms",
    "computenest",
    "cr",
    "cs",
    "dns",
    "eci",
    "ecs",
    "ess",
    "fc",
    "fc3",
    "ga",
    "hbr",
    "kms",
    "mongodb",
    "nas",
    "nlb",
    "oos",
    "oss",
    "pai",
    "polardb",
    "privatelink",
    "pvtz",
    "ram",
    "rds",
    "redis",
    "ros",
    "slb",
    "sls",
    "vpc",
]

Json = dict[str, Any]

_VALIDATOR = re.compile(r"^function (\w+)Validator\(properties\) \{\n(.*?)^\}", re.M | re.S)
_MAPPING = re.compile(r"^function (\w+)ToRosTemplate\(properties.*?^    return \{\n(.*?)^    \};", re.M | re.S)
_PROPERTY = re.compile(r"^\s+'(.+?)': (.+)\(properties\.(\w+)\),$", re.M)
_CLASS = re.compile(
    r"^class (\w+) extends ros\.RosResource \{\n(.*?)^\w+\.ROS_RESOURCE_TYPE_NAME = \"(.+?)\";", re.M | re.S
)
_REQUIRED = re.compile(r"propertyValidator\('(\w+)', ros\.requiredValidator\)")
_CONSTRAINT = re.compile(
    r"propertyValidator\('(\w+)', ros\.validate(AllowedValues|Range|Length|AllowedPattern)\)\(\{\n(.*?)^\s+\}\)\)",
    re.M | re.S,
)
_SCALARS = {
    "string": "string",
    "number": "number",
    "boolean": "boolean",
    "object": "any",
    "anyDict": "map",
    "rosTag": "tag",
}

# Properties that Alibaba Cloud's own samples still set although the packages no longer list them.
# `InstanceGroup.MaxAmount` still speaks of MinAmount; load balancers and NAT gateways could once be paid in advance; a
# scaling group's VPC follows from its VSwitch; AclEntrys and VPCId are older spellings.
RETIRED = {
    "ALIYUN::ECS::InstanceGroup": ["MinAmount"],
    "ALIYUN::ECS::InstanceGroupClone": ["MinAmount"],
    "ALIYUN::ESS::ScalingGroup": ["VpcId"],
    "ALIYUN::RDS::DBInstance": ["VPCId"],
    "ALIYUN::SLB::AccessControl": ["AclEntrys"],
    "ALIYUN::SLB::LoadBalancer": ["AutoPay", "Duration", "PayType", "PricingCycle"],
    "ALIYUN::VPC::NatGateway": ["AutoPay", "Duration", "PricingCycle", "Spec"],
}

# Attributes that the service's own reference lists and the packages do not (iac-code 0.16, `ros_resource_value_specs`).
ALSO = {
    "ALIYUN::APIG::ApiAttachment": ["EnvironmentId"],
    "ALIYUN::ComputeNest::ServiceInstance": ["Name"],
    "ALIYUN::ECS::InstanceGroupClone": [
        "HostName", "InnerIp", "InstanceId", "PrimaryNetworkInterfaceId", "PrivateIp", "PublicIp", "SecurityGroupIds",
        "ZoneId",
    ],
    "ALIYUN::ESS::LoadBalancerAttachment": ["ScalingActivityId"],
    "ALIYUN::ROS::WaitCondition": ["JoinedLastErrorData", "LastData", "LastErrorData"],
    "DATASOURCE::ECS::AutoSnapshotPolicy": [
        "CopiedSnapshotsRetentionDays", "EnableCrossRegionCopy", "TargetCopyRegions",
    ],
}  # fmt: skip

# A type of ROS itself that no package holds (ROS resource reference, ALIYUN::RandomString).
BUILT_IN: dict[str, Json] = {
    "ALIYUN::RandomString": {
        "attributes": ["sequence", "value"],
        "properties": {
            "character_classes": "list:any",
            "character_sequences": "list:any",
            "length": {"type": "number", "min": 1, "max": 512},
            "salt": "string",
            "sequence": "string",
        },
    }
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the resource schema from the ros-cdk packages.")
    parser.add_argument("--wheels", type=Path, help="folder with the wheels; what is missing is downloaded to it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        wheels: Path = arguments.wheels or Path(temporary)
        packages = [f"ros-cdk-{product}=={VERSION}" for product in PRODUCTS]
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), *packages]
        subprocess.run(download, check=True)
        write(Path(__file__).parent, wheels)
    return 0


def write(folder: Path, wheels: Path) -> None:
    """One file per product with one resource type per line, and an index that says what they were made from."""
    products: dict[str, dict[str, Json]] = {}
    for product in PRODUCTS:
        for source in sources(next(wheels.glob(f"ros_cdk_{product}-{VERSION}-*.whl"))):
            for name, resource in resources(source):
                products.setdefault(name.split("::")[1], {})[name] = resource
    for name, built_in in BUILT_IN.items():
        products.setdefault(name.split("::")[1], {})[name] = built_in
    for old in folder.glob("*.json"):
        old.unlink()
    for name, types in sorted(products.items()):
        lines = [f"{json.dumps(key)}:{_compact(value)}" for key, value in sorted(types.items())]
        (folder / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    index = {
        "made_from": {f"ros-cdk-{product}": VERSION for product in PRODUCTS},
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "types": {name: sorted(types) for name, types in sorted(products.items())},
    }
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def sources(wheel: Path) -> Iterator[str]:
    """The generated JavaScript of a package: of its resources and of its data sources."""
    with zipfile.ZipFile(wheel) as archive:
        [tarball] = [name for name in archive.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(archive.read(tarball))) as package:
            for member in package:
                if member.name.endswith(".generated.js"):
                    content = package.extractfile(member)
                    assert content is not None
                    yield content.read().decode("utf-8")


def resources(source: str) -> Iterator[tuple[str, Json]]:
    """Each resource type of one file with its properties, nested structures and attributes."""
    constraints = {_key(name): _constraints(body) for name, body in _VALIDATOR.findall(source)}
    shapes = {_key(name): _shape(body, constraints[_key(name)]) for name, body in _MAPPING.findall(source)}
    classes = _CLASS.findall(source)
    if len(classes) != source.count("ROS_RESOURCE_TYPE_NAME = "):
        raise ValueError(f"only {len(classes)} resource classes could be read")
    for class_name, body, type_name in classes:
        prefix = _key(class_name)
        properties = shapes[prefix + "props"]
        resource: Json = {"properties": _renamed(properties, prefix)}
        if retired := RETIRED.get(type_name):
            resource["retired"] = retired
        if needed := _structures(properties, shapes):
            resource["structures"] = {_short(name, prefix): _renamed(shapes[name], prefix) for name in needed}
        if attributes := {*re.findall(r"this\.getAtt\('(.+?)'\)", body), *ALSO.get(type_name, ())}:
            resource["attributes"] = sorted(attributes)
        yield type_name, resource


def _renamed(properties: Json, prefix: str) -> Json:
    """The properties with the structures that they name as they are called within one resource."""
    found: Json = {}
    for name, entry in properties.items():
        outer, at, structure = (entry if isinstance(entry, str) else entry["type"]).partition("@")
        kind = f"{outer}@{_short(structure, prefix)}" if at else outer
        found[name] = kind if isinstance(entry, str) else {**entry, "type": kind}
    return found


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).removesuffix("property")


def _key(name: str) -> str:
    """Validators and mappings of one structure differ in capitals and underscores only."""
    return name.replace("_", "").lower()


def _shape(body: str, constraints: dict[str, Json]) -> Json:
    found = _PROPERTY.findall(body)
    if len(found) != body.count("\n"):
        raise ValueError(f"a property of unknown form in: {body}")
    return {key: _property(kind, constraints.get(field, {})) for key, kind, field in found}


def _constraints(body: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for field in _REQUIRED.findall(body):
        found.setdefault(field, {})["required"] = True
    for field, kind, options in _CONSTRAINT.findall(body):
        entry = found.setdefault(field, {})
        if kind == "AllowedValues":
            [values] = re.findall(r"allowedValues: (\[.*\]),$", options, re.M | re.S)
            entry["values"] = json.loads(values)
        elif kind == "AllowedPattern":
            [entry["pattern"]] = re.findall(r"reg: /(.*)/$", options, re.M)
        else:
            suffix = "" if kind == "Range" else "_length"
            for bound, number in re.findall(r"(min|max): (-?[\d.]+),$", options, re.M):
                entry[bound + suffix] = json.loads(number)
    return found


def _property(kind: str, constraints: Json) -> str | Json:
    """A property is its type alone when it has no constraint."""
    return {"type": _type(kind), **constraints} if constraints else _type(kind)


def _type(expression: str) -> str:
    """`ros.listMapper(rosXTagsPropertyToRosTemplate)` → `list:@rosxtagsproperty`."""
    if match := re.fullmatch(r"ros\.(list|hash)Mapper\((.+)\)", expression):
        return f"{match[1]}:{_type(match[2])}"
    if match := re.fullmatch(r"ros\.(\w+)ToRosTemplate", expression):
        return _SCALARS[match[1]]
    if match := re.fullmatch(r"(ros\w+)ToRosTemplate", expression):
        return "@" + _key(match[1])
    raise ValueError(f"a property of unknown form: {expression}")


def _structures(properties: Json, shapes: Json) -> list[str]:
    """The structures that these properties need, directly or through each other."""
    needed: list[str] = []
    todo = [properties]
    while todo:
        for entry in todo.pop().values():
            name = (entry if isinstance(entry, str) else entry["type"]).partition("@")[2]
            if name and name not in needed:
                needed.append(name)
                todo.append(shapes[name])
    return sorted(needed)


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


if __name__ == "__main__":
    raise SystemExit(main())
