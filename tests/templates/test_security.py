"""What docs/security-review.md says holds, holds for every choice; each of its rows has its check here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.catalog import ROOT

from .options import OPTIONS, Choice, as_the_form_sends, document, resources

Made = dict[str, dict[str, Any]]

RISKY = {22, 3389}
WORLD = "0.0.0.0/0"


def of(made: Made, name: str) -> dict[str, Any]:
    """The properties of a resource, none when it was not chosen."""
    properties: dict[str, Any] = made.get(name, {}).get("Properties", {})
    return properties


def rules_of(made: Made) -> Iterator[dict[str, Any]]:
    group = of(made, "SecurityGroup")
    yield from (*group["SecurityGroupIngress"], *group["SecurityGroupEgress"])


def described_group(made: Made) -> bool:
    group = of(made, "SecurityGroup")
    described = all(rule["Description"] for rule in rules_of(made))
    return described and bool(group["Description"] and group["VpcId"]) and group["SecurityGroupType"] == "enterprise"


def nothing_all_open(made: Made) -> bool:
    named = all(rule["IpProtocol"] != "all" and rule["PortRange"] != "-1/-1" for rule in rules_of(made))
    leaving = [rule for rule in of(made, "SecurityGroup")["SecurityGroupEgress"] if rule["DestCidrIp"] != WORLD]
    return named and all(ip_network(rule["DestCidrIp"]).subnet_of(ip_network("100.64.0.0/10")) for rule in leaving)


def no_risky_port(made: Made) -> bool:
    ranges = [
        tuple(map(int, rule["PortRange"].split("/"))) for rule in of(made, "SecurityGroup")["SecurityGroupIngress"]
    ]
    return not any(low <= port <= high for low, high in ranges for port in RISKY)


def token_for_metadata(made: Made) -> bool:
    return (of(made, "InstanceGroup")["HttpEndpoint"], of(made, "InstanceGroup")["HttpTokens"]) == (
        "enabled",
        "required",
    )


def no_public_address_of_its_own(made: Made) -> bool:
    instance = of(made, "InstanceGroup")
    return instance["AllocatePublicIP"] is False and "InternetMaxBandwidthOut" not in instance


def one_gpu_machine(made: Made) -> bool:
    instance = of(made, "InstanceGroup")
    family = instance["InstanceType"].split(".")[1].split("-")[0]
    place = (
        instance["VpcId"] and instance["VSwitchId"] and instance["SecurityGroupId"] and "EniMappings" not in instance
    )
    return bool(place) and family == "gn7i" and instance["MaxAmount"] == 1


def large_fast_disk(made: Made) -> bool:
    instance = of(made, "InstanceGroup")
    return instance["SystemDiskSize"] >= 200 and instance["SystemDiskCategory"] in ("cloud_essd", "cloud_auto")


def named_network_with_room(made: Made) -> bool:
    if "Vpc" not in made:
        return True
    vpc, vswitch = of(made, "Vpc"), of(made, "VSwitch")
    inside = ip_network(vswitch["CidrBlock"]).subnet_of(ip_network(vpc["CidrBlock"]))
    return inside and bool(vpc["VpcName"] and vswitch["VSwitchName"] and vswitch["ZoneId"])


def address_in_use_with_a_limit(made: Made) -> bool:
    eip = of(made, "Eip")
    return not eip or (1 <= eip["Bandwidth"] <= 200 and of(made, "EipAssociation")["AllocationId"] == "id-of-Eip")


def metadata(made: Made) -> bool:
    tags = document()["Metadata"]["ALIYUN::ROS::Interface"]["TemplateTags"]
    secrets = [body for name, body in document()["Parameters"].items() if "Password" in name]
    return all(re.fullmatch(r"acs(:[^:]+){3}", tag) for tag in tags) and all(body["NoEcho"] is True for body in secrets)


CHECKS: dict[str, Callable[[Made], bool]] = {
    "security-group: description-check, description-required, vpc-required, enterprise-type": described_group,
    "security-group: egress-not-all-access, not-open-all-port, not-open-all-protocol": nothing_all_open,
    "security-group: risky-ports (22, 3389)": no_risky_port,
    "ecs-instance-meta-data-mode (HttpTokens)": token_for_metadata,
    "ecs-instance-no-public-ip, internetmaxbandwidth, no-public-and-anyip": no_public_address_of_its_own,
    "ecs-instance-enabled-security-protection": lambda made: (
        of(made, "InstanceGroup")["SecurityEnhancementStrategy"] == "Active"
    ),
    "ecs-instance-attached-security-group, in-vpc, multiple-eni, type-family, group-max-amount": one_gpu_machine,
    "ecs-system-disk-size, disk-category": large_fast_disk,
    "vpc / vswitch: cidr, name, zone, available-ip-count": named_network_with_room,
    "eip: attached, bandwidth explicit and limited": address_in_use_with_a_limit,
    "metadata: TemplateTags, NoEcho": metadata,
}


def test_every_row_that_holds_has_its_check() -> None:
    page = (ROOT / "docs" / "security-review.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.partition("## 规则")[2].splitlines() if line.startswith("| ")]
    assert {row[1].strip() for row in rows if row[2].strip() == "满足 holds"} == set(CHECKS)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in OPTIONS.items()}))
def test_it_holds_for_every_choice(options: Choice) -> None:
    made = resources(as_the_form_sends(options))
    assert [rule for rule, holds in CHECKS.items() if not holds(made)] == []
