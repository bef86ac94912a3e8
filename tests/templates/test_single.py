"""What the single-instance template must hold, whatever is chosen in its form."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from argon2 import PasswordHasher

from deploy import formats, templates
from deploy.catalog import load
from deploy.errors import Failure

SECRETS = {"InstancePassword", "SoftwarePassword"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(templates.body("single.yaml"))
    return value


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, (*path, str(index)))


def test_the_committed_templates_are_a_fresh_render() -> None:
    assert templates.stale(templates.render(load())) == []


def test_a_changed_file_is_stale(tmp_path: Path) -> None:
    rendered = templates.render(load())
    for name, text in rendered.items():
        (tmp_path / name).write_text(text + "\n" * (name == "single.yaml"), encoding="utf-8")
    assert templates.stale(rendered, tmp_path) == [tmp_path / "single.yaml"]


def test_a_missing_template_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file") as failure:
        templates.body("single.yaml", tmp_path)
    assert failure.value.remedy == "run: python -m deploy render"


def test_every_text_for_people_is_in_both_languages(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        for key in ("Label", "Description"):
            assert set(parameter[key]) == {"en", "zh-cn"}, f"{name}/{key}"
        if parameter.keys() & {"AllowedPattern", "MinValue", "MinLength"}:
            assert "ConstraintDescription" in parameter, name
        if "ConstraintDescription" in parameter:
            assert set(parameter["ConstraintDescription"]) == {"en", "zh-cn"}, name
    for name, output in template["Outputs"].items():
        for key in ("Label", "Description"):
            assert set(output[key]) == {"en", "zh-cn"}, f"{name}/{key}"
    texts = [value for path, value in walk(template) if path and path[-1] == "zh-cn"]
    assert all(re.search("[一-鿿]", text) for text in texts)


def test_the_form_begins_with_the_service_s_order(template: dict[str, Any]) -> None:
    assert list(template["Parameters"])[:8] == [
        "PayType", "PayPeriodUnit", "PayPeriod", "ZoneId", "InstanceType",
        "InstancePassword", "SoftwareUserName", "SoftwarePassword",
    ]  # fmt: skip
    groups = template["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]
    assert [name for group in groups for name in group["Parameters"]] == list(template["Parameters"])


def test_secrets_do_not_echo_and_have_no_default(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        assert (parameter.get("NoEcho") is True) == (name in SECRETS), name
    # nobody's range, password or network is guessed; null means that nothing is filled in
    for name in (*SECRETS, "ClientCidr", "KeyPairName", "VpcId", "VSwitchId", "EipAllocationId"):
        assert template["Parameters"][name].get("Default") is None


def test_what_a_user_types_reaches_a_script_as_base64_only(template: dict[str, Any]) -> None:
    content = template["Resources"]["RunCommand"]["Properties"]["CommandContent"]
    script, variables = content["Fn::Sub"]
    assert set(re.findall(r"\$\{(\w+)\}", script)) == set(variables)
    free = {name for name, value in variables.items() if set(value) != {"Fn::Base64Encode"}}
    # one of a fixed list, and what the cloud gives
    assert free == {"Model", "CurlCli"}
    assert "AllowedValues" in template["Parameters"]["Model"]
    assert variables["CurlCli"] == {"Fn::GetAtt": ["WaitConditionHandle", "CurlCli"]}
    assert not any(path[-1:] == ("UserData",) for path, _ in walk(template))


def test_the_startup_script_is_verbatim_and_small(template: dict[str, Any]) -> None:
    script, _ = template["Resources"]["RunCommand"]["Properties"]["CommandContent"]["Fn::Sub"]
    assert script == (templates.SOURCES / "startup.sh").read_text(encoding="utf-8")
    # the longest values: an address of 1 KiB, a hash, the signal's address with its signature, all of them in Base64
    assert len(base64.b64encode(script.encode())) + 5 * 1024 < 16 * 1024
    assert len(templates.body("single.yaml").encode()) < 512 * 1024


def test_the_security_group_names_every_way_in_and_out(template: dict[str, Any]) -> None:
    group = template["Resources"]["SecurityGroup"]["Properties"]
    assert group["SecurityGroupType"] == "enterprise"
    *clients, authority = group["SecurityGroupIngress"]
    assert {rule["PortRange"] for rule in clients} == {"443/443", "80/80"}
    assert all(
        rule["SourceCidrIp"] == {"Fn::If": ["PublicAccess", {"Ref": "ClientCidr"}, formats.WEB_PROXY_CIDR]}
        for rule in clients
    )
    condition, challenge, otherwise = authority["Fn::If"]
    assert (condition, challenge["PortRange"], otherwise) == ("CertificateCheck", "80/80", {"Ref": "ALIYUN::NoValue"})
    rules = [*clients, challenge, *group["SecurityGroupEgress"]]
    assert all(rule["Description"] and rule["IpProtocol"] != "all" for rule in rules)
    assert all(rule["PortRange"] != "-1/-1" for rule in rules)


def test_the_instance_answers_metadata_with_a_token_only(template: dict[str, Any]) -> None:
    instance = template["Resources"]["InstanceGroup"]["Properties"]
    assert (instance["HttpTokens"], instance["HttpEndpoint"], instance["MaxAmount"]) == ("required", "enabled", 1)
    assert template["Parameters"]["SystemDiskSize"]["MinValue"] == 200


def test_no_short_tags_and_no_reference_into_nothing(template: dict[str, Any]) -> None:
    # safe_load refuses `!Ref` and its like, so that it loaded is the first half
    known = set(template["Parameters"]) | set(template["Resources"])
    for path, value in walk(template["Resources"] | template["Outputs"]):
        if path and path[-1] == "Ref":
            assert value in known or value.startswith("ALIYUN::"), value
        if path and path[-1] == "Fn::GetAtt":
            assert value[0] in template["Resources"], value
    used = json.dumps([template["Resources"], template["Conditions"]])
    assert all(f'"{name}"' in used for name in template["Parameters"])


@pytest.mark.parametrize("kind", ["Abcdefg1", "abcdefg-1", "ABCDEFG.1", "aB-aB-aB", "9aB", "-=Aa" * 8])
def test_a_strong_software_password_is_taken(template: dict[str, Any], kind: str) -> None:
    assert re.match(template["Parameters"]["SoftwarePassword"]["AllowedPattern"], kind)


@pytest.mark.parametrize("kind", ["abcdefgh", "ABCDefgh", "abcd1234", "Abc'1234", "Abc 1234", "$Abc1234", "Abc\\1234"])
def test_a_weak_or_dangerous_one_is_not(template: dict[str, Any], kind: str) -> None:
    assert not re.match(template["Parameters"]["SoftwarePassword"]["AllowedPattern"], kind)


def test_a_hash_is_taken_and_the_pattern_is_quick(template: dict[str, Any]) -> None:
    parameter = template["Parameters"]["SoftwarePassword"]
    digest = PasswordHasher().hash("any")
    assert re.match(parameter["AllowedPattern"], digest)
    assert parameter["MinLength"] <= len(digest) <= parameter["MaxLength"]
    begun = time.process_time()
    assert not re.match(parameter["AllowedPattern"], "aB" * 20_000)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("SoftwareUserName", ["admin", "a.b-c_1"], ["a", "1admin", "a b", "a$(id)", "a'b", "名字", "x" * 33]),
        ("ClientCidr", ["203.0.113.7/32", "0.0.0.0/0"], ["203.0.113.7", "256.0.0.0/8", "1.2.3.4/33", "::/0", ""]),
        (
            "VpcCidrBlock",
            ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "10.1.2.0/28"],
            ["8.8.0.0/16", "172.32.0.0/16", "172.16.0.0/8", "192.168.0.0/12", "10.0.0.0/7", "10.0.0.0/29"],
        ),
        (
            "VSwitchCidrBlock",
            ["192.168.0.0/24", "10.9.0.0/16", "172.31.0.0/29"],
            ["192.168.0.0/30", "10.0.0.0/8", "1.0.0.0/24"],
        ),
        (
            "DomainName",
            ["", "whisper.example.com", "a.b.c.example", "xn--fiqs8s.xn--fiqs8s"],
            ["localhost", "Whisper.example", "-a.example", "a..b", "a b.c", "1.2.3.4", "x.example/", "$(id).example"],
        ),
        (
            "PackageUrl",
            ["", "https://bucket.oss-cn-hangzhou.aliyuncs.com/whisper-1.0.tar.gz?Expires=1&Signature=a%2Bb%3D"],
            [
                "http://a/b",
                "file:///etc/passwd",
                'https://a/"',
                "https://a/'b",
                "https://a/\\n",
                "https://a b",
                "https://",
            ],
        ),
        ("PackageSha256", ["0123456789abcdef" * 4], ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64]),
        ("KmsKeyId", ["", "key-hzz1example_0"], ["a/b", "a b", "x" * 129]),
        ("InstancePassword", ["Abcdefg1", "a" * 30], ["short", "a" * 31, "with space1A", 'quote"A1x']),
    ],
)
def test_patterns(template: dict[str, Any], name: str, good: list[str], bad: list[str]) -> None:
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert [text for text in good if not re.match(pattern, text)] == []
    assert [text for text in bad if re.match(pattern, text)] == []
