"""What the options of create, estimate and preview make of a plan."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from deploy.commands.create import create
from deploy.commands.estimate import estimate
from deploy.commands.preview import preview
from deploy.errors import Failure, Usage
from deploy.offers import Price
from tests.deploy.fakes import FakeCloud, printed, session

CLOUD = "--spec gn7i-c16g1 --region cn-hangzhou --zone cn-hangzhou-h --client-cidr 203.0.113.7"
SPEC = "ecs.gn7i-c16g1.4xlarge"
BIGGER = "ecs.gn7i-c32g1.8xlarge"


def plan(words: str, cloud: FakeCloud | None = None) -> dict[str, object]:
    made = session(f"create {words} --dry-run --json", cloud or FakeCloud())
    assert create(made) == 0
    found: dict[str, object] = json.loads(printed(made)[0])["data"]["plan"]
    return found


def test_the_dry_run_shows_the_plan_and_sends_nothing() -> None:
    cloud = FakeCloud()
    shown = plan(f"{CLOUD} --tags team=speech owner=ada --on-failure keep --protect --timeout 90", cloud)
    assert cloud.plans == []
    token, digest = shown.pop("client_token"), shown.pop("template_sha256")
    assert isinstance(token, str)
    assert isinstance(digest, str)
    assert (len(token), len(digest)) == (32, 64)
    assert shown == {
        "name": "whisper",
        "region": "cn-hangzhou",
        "timeout_minutes": 90,
        "on_failure": "keep",
        "protected": True,
        "tags": {"team": "speech", "owner": "ada"},
        "parameters": {
            "ZoneId": "cn-hangzhou-h",
            "InstanceType": SPEC,
            "InstancePassword": "****",
            "SoftwareUserName": "admin",
            "SoftwarePassword": "****",
            "ClientCidr": "203.0.113.7/32",
            "Model": "large-v2",
            "SystemDiskSize": "200",
        },
    }


def test_what_is_shown_is_what_is_sent() -> None:
    cloud = FakeCloud()
    words = f"create {CLOUD} --generate-password --tags team=x --on-failure keep"
    assert create(session(words, cloud)) == 0
    sent = cloud.plans[0].shown()
    shown = plan(f"{CLOUD} --tags team=x --on-failure keep")
    assert {**sent, "client_token": ""} == {**shown, "client_token": ""}


def test_paying_and_network_become_parameters() -> None:
    shown = plan(
        f"{CLOUD} --pay prepaid --period 3 --unit year --existing-vpc vpc-bp1abcd --existing-vswitch vsw-bp1abcd"
    )
    parameters = shown["parameters"]
    assert isinstance(parameters, dict)
    expected = {
        "PayType": "PrePaid", "PayPeriod": "3", "PayPeriodUnit": "Year",
        "VpcOption": "ExistingVpc", "VpcId": "vpc-bp1abcd", "VSwitchId": "vsw-bp1abcd",
    }  # fmt: skip
    assert expected.items() <= parameters.items()
    assert "PayType" not in plan(CLOUD)["parameters"]  # type: ignore[operator]


def test_further_parameters_are_passed_on() -> None:
    parameters = plan(f"{CLOUD} --set InternetBandwidth=100 ImageId=m-bp1abc")["parameters"]
    assert isinstance(parameters, dict)
    assert (parameters["InternetBandwidth"], parameters["ImageId"]) == ("100", "m-bp1abc")


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ("--period 2", "--period and --unit are of prepaid"),
        ("--pay prepaid --period 12", "--period 12: not possible; give 1 to 9"),
        ("--existing-vpc vpc-bp1abcd", "missing: --existing-vswitch"),
        ("--existing-vpc net-1 --existing-vswitch vsw-bp1abcd", "--existing-vpc net-1: not an id"),
        ("--tags team", "--tags team: not KEY=VALUE"),
        ("--tags acs:x=1", "--tags acs:x: reserved for the cloud"),
        ("--set Bandwidth=1", "--set Bandwidth: no such parameter; choose one of PayType"),
        ("--set SoftwarePassword=x", "--set SoftwarePassword: a secret is not given on the command line"),
    ],
)
def test_bad_options_are_refused(extra: str, complaint: str) -> None:
    with pytest.raises(Usage) as failure:
        plan(f"{CLOUD} {extra}")
    assert str(failure.value).startswith(complaint)


def test_zone_auto_takes_one_that_has_the_spec() -> None:
    cloud = FakeCloud()
    cloud.zones[("cn-hangzhou", SPEC)] = ["cn-hangzhou-i", "cn-hangzhou-j"]
    parameters = plan(CLOUD.replace("cn-hangzhou-h", "auto"), cloud)["parameters"]
    assert isinstance(parameters, dict)
    assert parameters["ZoneId"] == "cn-hangzhou-i"


def test_zone_auto_says_who_has_some() -> None:
    cloud = FakeCloud()
    words = CLOUD.replace("cn-hangzhou-h", "auto")
    with pytest.raises(Failure) as failure:
        plan(words, cloud)
    assert failure.value.message == f"{SPEC} is out of stock in cn-hangzhou"
    assert failure.value.remedy == "nothing of the catalog is in stock anywhere; try again later"
    cloud.zones |= {("cn-hangzhou", BIGGER): ["cn-hangzhou-i"], ("ap-southeast-1", SPEC): ["ap-southeast-1a"]}
    with pytest.raises(Failure) as failure:
        plan(words, cloud)
    assert failure.value.remedy == f"in stock: --spec {BIGGER}, --region ap-southeast-1"


def test_estimate_adds_up_what_has_a_price() -> None:
    cloud = FakeCloud()
    cloud.price_list = [
        Price("Instance", "ALIYUN::ECS::InstanceGroup", Decimal("10.5"), "CNY", "Hour"),
        Price("Eip", "ALIYUN::VPC::EIP", Decimal("73"), "CNY", "Month"),
        Price("Vpc", "ALIYUN::ECS::VPC", None, reason="no price is known"),
    ]
    made = session(f"estimate {CLOUD}", cloud, terminal=False)
    assert estimate(made) == 0
    assert printed(made)[0].splitlines() == [
        "Instance\tALIYUN::ECS::InstanceGroup\t10.5000 CNY\t7,665.00 CNY",
        "Eip\tALIYUN::VPC::EIP\t0.1000 CNY\t73.00 CNY",
        "total\t\t10.6000 CNY\t7,738.00 CNY",
    ]
    made = session(f"estimate {CLOUD} --json", cloud)
    assert estimate(made) == 0
    data = json.loads(printed(made)[0])["data"]
    assert data["totals"] == [{"currency": "CNY", "hourly": "10.600000", "monthly": "7738.000000"}]
    assert [item["reason"] for item in data["items"]] == ["", "", "no price is known"]
    cloud.price_list = cloud.price_list[2:]
    with pytest.raises(Failure, match="knows no price for any of it"):
        estimate(session(f"estimate {CLOUD}", cloud))


def test_preview_asks_with_the_plan_that_create_would_send() -> None:
    cloud = FakeCloud()
    made = session(f"preview {CLOUD} --name speech", cloud)
    assert preview(made) == 0
    assert printed(made)[0] == "+\tVpc\tALIYUN::ECS::VPC\n"
    assert cloud.plans[0].parameters["InstanceType"] == SPEC
    assert cloud.stacks() == []
