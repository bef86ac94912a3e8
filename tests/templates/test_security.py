"""What docs/security-review.md says holds, holds for every choice; each of its rows has its check here."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.catalog import ROOT

from .options import (
    CLUSTER,
    CLUSTER_ALWAYS,
    CLUSTER_ROWS,
    OPTIONS,
    Choice,
    as_the_form_sends,
    document,
    resources,
)

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


def closed_group(made: Made) -> bool:
    group = of(made, "SecurityGroup")
    ways_in, ways_out = group["SecurityGroupIngress"], group["SecurityGroupEgress"]
    inside = ip_network(of(made, "Vpc")["CidrBlock"])
    private = [rule for rule in ways_out if rule["PortRange"] in ("5432/5432", "2049/2049")]
    rest = [rule for rule in ways_out if rule not in private and rule["DestCidrIp"] != WORLD]
    return (
        group["SecurityGroupType"] == "enterprise"
        and all(rule["Description"] and rule["IpProtocol"] != "all" for rule in [*ways_in, *ways_out])
        and {rule["PortRange"] for rule in ways_in} == {"80/80"}
        and all(rule["SourceCidrIp"] != WORLD for rule in ways_in)
        and {rule["PortRange"] for rule in ways_out if rule["DestCidrIp"] == WORLD} == {"443/443"}
        and all(ip_network(rule["DestCidrIp"]) == inside for rule in private)
        and all(ip_network(rule["DestCidrIp"]).subnet_of(ip_network("100.64.0.0/10")) for rule in rest)
    )


def bounded_group(made: Made) -> bool:
    group = of(made, "ScalingGroup")
    (server,) = group["ServerGroups"]
    sizes = group["MinSize"] <= group["DesiredCapacity"] <= group["MaxSize"]
    return sizes and len(group["VSwitchIds"]) == 2 and group["DefaultCooldown"] >= 60 and server["Type"] == "ALB"


def nodes_without_public_address(made: Made) -> bool:
    machine = of(made, "ScalingConfiguration")
    return bool(machine["SecurityGroupId"]) and "InternetMaxBandwidthOut" not in machine


def secrets_by_name(made: Made) -> bool:
    told = json.dumps([of(made, name) for name in ("ScalingConfiguration", "JoinOperation", "JoinHook")])
    given = CLUSTER_ALWAYS["DatabasePassword"], CLUSTER_ALWAYS["SoftwarePassword"]
    return "UserData" not in told and not any(each in told or encoded(each) in told for each in given)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def two_zones_and_a_check(made: Made) -> bool:
    zones = {each["ZoneId"] for each in of(made, "LoadBalancer")["ZoneMappings"]}
    return len(zones) == 2 and of(made, "ServerGroup")["HealthCheckConfig"]["HealthCheckEnabled"] is True


def https_where_there_is_a_certificate(made: Made) -> bool:
    if "HttpsListener" not in made:
        return of(made, "LoadBalancer")["AddressType"] == "Intranet"
    strict = of(made, "HttpsListener")["SecurityPolicyId"] == "tls_cipher_policy_1_2_strict_with_1_3"
    return strict and of(made, "ToHttps")["RuleActions"][0]["Type"] == "Redirect"


def guarded_database(made: Made) -> bool:
    database = of(made, "Database")
    listed = database["SecurityIPList"].split(",")
    return (
        database["AllocatePublicConnection"] is False
        and WORLD not in listed
        and len(listed) == 2
        and bool(database["VpcId"] and database["SlaveZoneIds"] and database["EncryptionKey"])
        and (database["Category"], database["SSLSetting"]) == ("HighAvailability", "EnabledForInnerConnection")
        and database["BackupRetentionPeriod"] >= 7
        and database["EnableBackupLog"] is True
        and database["StorageAutoScale"] == "Enable"
        and bool(database["MaintainTime"])
    )


def guarded_recordings(made: Made) -> bool:
    rules = [of(made, name)["SourceCidrIp"] for name in ("MediaAccessRule", "SecondMediaAccessRule")]
    named = of(made, "MediaMount")["AccessGroupName"] != "DEFAULT_VPC_GROUP_NAME"
    return WORLD not in rules and of(made, "Media")["EncryptType"] in (1, 2) and named


def least_privilege(made: Made) -> bool:
    for name in ("NodeRole", "OperationsRole"):
        role = of(made, name)
        principals = [each["Principal"] for each in role["AssumeRolePolicyDocument"]["Statement"]]
        if "PolicyAttachments" in role or any(set(each) != {"Service"} for each in principals):
            return False
        for each in role["Policies"][0]["PolicyDocument"]["Statement"]:
            read_only = all(re.match(r"ecs:Describe|cms:PutCustomMetric", action) for action in each["Action"])
            if any("*" in action for action in each["Action"]) or ("*" in each["Resource"] and not read_only):
                return False
    return True


def token_asked_for(made: Made) -> bool:
    first = yaml.safe_load(of(made, "JoinOperation")["Content"])["Tasks"][0]["Properties"]
    return first["API"] == "ModifyInstanceMetadataOptions" and first["Parameters"]["HttpTokens"] == "required"


CLUSTER_CHECKS: dict[str, Callable[[Made], bool]] = {
    "security-group: description, enterprise-type, egress-not-all-access, risky-ports": closed_group,
    "ess: multi-vswitch-distribution, capacity bounds, cooldown, attach-slb": bounded_group,
    "ess-configuration: security group, no public IP": nodes_without_public_address,
    "ess-configuration: no user data, secrets by name": secrets_by_name,
    "alb: listener-health-check, multi-zone, server-group-multi-zone": two_zones_and_a_check,
    "alb: https, redirect-https, tls-policy": https_where_there_is_a_certificate,
    "rds: in-vpc, public-access, whitelist-internet, multi-az, ssl, disk-encryption, backup, log-backup, "
    "auto-scale-storage, maintenance window": guarded_database,
    "nas: access-group-public-access, encrypt-type, no default access group": guarded_recordings,
    "ram: no attached policies, services only": least_privilege,
    "imdsv2": token_asked_for,
    "nat: snat bandwidth, eip explicit bandwidth": lambda made: of(made, "NatAddress")["Bandwidth"] == 100,
}


def test_every_row_that_holds_has_its_check() -> None:
    page = (ROOT / "docs" / "security-review.md").read_text(encoding="utf-8")
    single, cluster = page.partition("## 规则")[2].split("## 集群")
    assert holding(single) == set(CHECKS)
    assert holding(cluster) == set(CLUSTER_CHECKS)


def holding(page: str) -> set[str]:
    """The rules of which a part of the page says that they hold."""
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")]
    return {row[1].strip() for row in rows if row[2].strip() == "满足 holds"}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in OPTIONS.items()}))
def test_it_holds_for_every_choice(options: Choice) -> None:
    made = resources(as_the_form_sends(options))
    assert [rule for rule, holds in CHECKS.items() if not holds(made)] == []


@pytest.mark.parametrize("options", CLUSTER_ROWS, ids=[str(number) for number in range(len(CLUSTER_ROWS))])
def test_it_holds_for_every_pair_of_the_cluster_s_choices(options: Choice) -> None:
    made = resources(as_the_form_sends(options, CLUSTER), CLUSTER)
    assert [rule for rule, holds in CLUSTER_CHECKS.items() if not holds(made)] == []
