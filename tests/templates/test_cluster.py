"""What the cluster's template must hold, whatever is chosen in its form, and that it shares the single instance's."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from ipaddress import ip_network
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy import formats, templates
from deploy.lint import lint
from deploy.local.errors import ApiError

from .options import (
    CLIENTS,
    CLUSTER,
    CLUSTER_ALWAYS,
    CLUSTER_DEPENDENT,
    CLUSTER_OPTIONS,
    CLUSTER_ROWS,
    EVERYBODY,
    SINGLE,
    Choice,
    allowed,
    as_the_form_sends,
    document,
    outputs,
    resources,
    visible,
)

SECRETS = {"InstancePassword", "SoftwarePassword", "DatabasePassword"}
CERTIFICATE = CLUSTER_OPTIONS["CertificateId"][1]
Made = dict[str, dict[str, Any]]


every = {name: st.sampled_from(values) for name, values in CLUSTER_OPTIONS.items()}
choices = st.fixed_dictionaries(every).map(allowed)
each_row = pytest.mark.parametrize("options", CLUSTER_ROWS, ids=[str(number) for number in range(len(CLUSTER_ROWS))])


def sent(options: Choice) -> Choice:
    return as_the_form_sends({"ClientCidr": CLIENTS, "CertificateId": CERTIFICATE, **options}, CLUSTER)


def made(options: Choice) -> Made:
    return _made(tuple(options.items()))


@cache
def _made(options: tuple[tuple[str, str], ...]) -> Made:
    return resources(sent(dict(options)), CLUSTER)


def of(made: Made, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = made[name]["Properties"]
    return properties


def operation(made: Made, name: str) -> list[dict[str, Any]]:
    """The tasks of an OOS template, by which a node joins or leaves."""
    content = of(made, name)["Content"]
    assert len(content) <= 65_536
    tasks: list[dict[str, Any]] = yaml.safe_load(content)["Tasks"]
    return tasks


@settings(max_examples=15, deadline=None, derandomize=True)
@given(choices)
def test_every_choice_gives_resources_that_the_schema_accepts(options: Choice) -> None:
    worked_out = {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": {"en": "worked out", "zh-cn": "已求值"},
        "Resources": made(options),
    }
    found = lint(yaml.safe_dump(worked_out, allow_unicode=True), "worked-out.yaml")
    assert [str(finding) for finding in found] == []


@each_row
def test_what_is_not_chosen_is_left_out(options: Choice) -> None:
    found = made(options)
    secure, restricted = bool(options["CertificateId"]), options["ClientCidr"] != EVERYBODY
    assert ("HttpsListener" in found) == ("ToHttps" in found) == secure
    assert ("Clients" in found) == ("HttpClients" in found) == restricted
    assert ("HttpsClients" in found) == (secure and restricted)
    assert ("LogProject" in found) == ("LogStore" in found) == (options["AccessLog"] == "true")
    for name in ("MonitorGroup", "OneMore", "OneLess", "LongQueue", "EmptyQueue"):
        assert (name in found) == (options["ScaleByQueue"] == "true")
    assert ("BusyHoursBegin" in found) == ("BusyHoursEnd" in found) == (options["BusyNodes"] != "0")
    assert ("DatabaseFull" in found) == ("NodeUnhealthy" in found) == (options["AlarmContactGroup"] != "")
    private = options["AccessMethod"] == "Private"
    assert ("WebProxyAddress" in outputs(sent(options), CLUSTER)) == private
    assert of(found, "LoadBalancer")["AddressType"] == ("Intranet" if private else "Internet")
    group = of(found, "ScalingGroup")
    assert ("OnDemandBaseCapacity" in group) == (options["Spot"] == "true")
    protected = options["DeletionProtection"] == "true"
    assert group["GroupDeletionProtection"] is protected
    assert of(found, "Database")["DeletionProtection"] is protected
    assert of(found, "LoadBalancer")["DeletionProtectionEnabled"] is protected


@each_row
def test_only_the_load_balancer_reaches_a_node_and_only_nodes_the_stores(options: Choice) -> None:
    found = made(options)
    group = of(found, "SecurityGroup")
    balancers = {of(found, name)["CidrBlock"] for name in ("BalancerVSwitch", "SecondBalancerVSwitch")}
    nodes = {of(found, name)["CidrBlock"] for name in ("NodeVSwitch", "SecondNodeVSwitch")}
    assert len(balancers | nodes) == 4
    assert all(ip_network(each).subnet_of(ip_network(of(found, "Vpc")["CidrBlock"])) for each in balancers | nodes)
    assert [(rule["IpProtocol"], rule["PortRange"]) for rule in group["SecurityGroupIngress"]] == [("tcp", "80/80")] * 2
    assert group["SecurityGroupType"] == "enterprise"
    named = {rule["SourceCidrIp"] for rule in group["SecurityGroupIngress"]}
    balancer_switches = ("BalancerVSwitch", "SecondBalancerVSwitch")
    assert len(named) == 2
    declared = document(CLUSTER)["Resources"]["SecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert tuple(rule["SourceCidrIp"]["Fn::GetAtt"][0] for rule in declared) == balancer_switches
    open_exits = [rule for rule in group["SecurityGroupEgress"] if rule["DestCidrIp"] == EVERYBODY]
    assert {rule["PortRange"] for rule in open_exits} == {"443/443"}

    database = of(found, "Database")
    assert database["AllocatePublicConnection"] is False
    assert (database["Category"], database["SSLSetting"]) == ("HighAvailability", "EnabledForInnerConnection")
    assert database["EncryptionKey"]
    assert database["BackupRetentionPeriod"] >= 7
    assert EVERYBODY not in database["SecurityIPList"]
    assert of(found, "Media")["EncryptType"] == 1
    rules = [of(found, name)["SourceCidrIp"] for name in ("MediaAccessRule", "SecondMediaAccessRule")]
    assert EVERYBODY not in rules
    assert of(found, "MediaMount")["AccessGroupName"] != "DEFAULT_VPC_GROUP_NAME"


@each_row
def test_who_comes_in_and_how(options: Choice) -> None:
    found = made(options)
    if options["CertificateId"]:
        assert of(found, "HttpsListener")["SecurityPolicyId"].startswith("tls_cipher_policy_1_2_strict")
        (action,) = of(found, "ToHttps")["RuleActions"]
        assert (action["Type"], action["RedirectConfig"]["HttpCode"]) == ("Redirect", 308)
    if options["ClientCidr"] != EVERYBODY:
        entries = {each["Entry"] for each in of(found, "Clients")["AclEntries"]}
        assert entries == {CLIENTS} | ({formats.WEB_PROXY_CIDR} if options["AccessMethod"] == "Private" else set())
        assert of(found, "HttpClients")["AclType"] == "White"
    check = of(found, "ServerGroup")["HealthCheckConfig"]
    assert (check["HealthCheckPath"], check["HealthCheckConnectPort"]) == ("/readyz", 80)
    assert of(found, "ServerGroup")["StickySessionConfig"]["StickySessionEnabled"] is True
    zones = {each["ZoneId"] for each in of(found, "LoadBalancer")["ZoneMappings"]}
    assert zones == {"cn-hangzhou-h", "cn-hangzhou-i"}


@each_row
def test_secrets_are_kept_by_name_and_are_in_no_command(options: Choice) -> None:
    found = made(options)
    secrets = {CLUSTER_ALWAYS["SoftwarePassword"], CLUSTER_ALWAYS["DatabasePassword"]}
    encoded = {base64.b64encode(each.encode()).decode() for each in secrets}
    for name in ("JoinOperation", "LeaveOperation", "JoinHook", "LeaveHook", "ScalingConfiguration", "ScalingGroup"):
        text = json.dumps(of(found, name))
        assert [each for each in secrets | encoded if each in text] == []
    assert "UserData" not in of(found, "ScalingConfiguration")
    lines = dict(line.split("=", 1) for line in of(found, "Settings")["Value"].splitlines())
    given = {key: base64.b64decode(value).decode() for key, value in lines.items() if key.endswith("_B64")}
    assert given["PASSWORD_B64"] == CLUSTER_ALWAYS["SoftwarePassword"]
    assert given["DATABASE_URL_B64"].startswith(f"postgresql://whisper:{CLUSTER_ALWAYS['DatabasePassword']}@")
    assert given["DATABASE_URL_B64"].endswith("?sslmode=require")
    scheme = "https" if options["CertificateId"] else "http"
    assert given["PUBLIC_URL_B64"] == f"{scheme}://{options['DomainName'] or 'DNSName-of-LoadBalancer'}"
    # each value is Base64 or one of a fixed list, so that no line can begin inside another
    assert set(lines) - set(given) == {"MODEL", "METRIC"}
    assert len(of(found, "Settings")["Value"]) < 4096


@each_row
def test_the_balancer_waits_as_long_as_it_can(options: Choice) -> None:
    """More than 600 s (CreateListener, RequestTimeout) needs a higher quota of the account."""
    listeners = [body["Properties"] for body in made(options).values() if body["Type"] == "ALIYUN::ALB::Listener"]
    assert {listener["RequestTimeout"] for listener in listeners} == {600}
    assert all(1 <= listener["IdleTimeout"] <= 600 for listener in listeners)


@each_row
def test_a_node_joins_by_its_startup_command_and_leaves_when_it_is_drained(options: Choice) -> None:
    found = made(options)
    token, start, accept, refuse = operation(found, "JoinOperation")
    assert token["Properties"]["Parameters"]["HttpTokens"] == "required"
    script = start["Properties"]["commandContent"]
    assert f"SECRET_B64={base64.b64encode(b'SecretParameterName-of-Settings').decode()}" in script
    # or the group waits for the hook's whole time
    assert token["OnError"] == start["OnError"] == refuse["Name"]
    assert [task["Properties"]["Parameters"]["LifecycleActionResult"] for task in (accept, refuse)] == [
        "CONTINUE", "ABANDON",
    ]  # fmt: skip
    drain, go = operation(found, "LeaveOperation")
    assert "scripts/drain.sh" in drain["Properties"]["commandContent"]
    assert drain["OnError"] == go["Name"]
    joins, leaves = of(found, "JoinHook"), of(found, "LeaveHook")
    assert (joins["LifecycleTransition"], joins["DefaultResult"]) == ("SCALE_OUT", "ABANDON")
    assert (leaves["LifecycleTransition"], leaves["DefaultResult"]) == ("SCALE_IN", "CONTINUE")
    assert joins["HeartbeatTimeout"] >= start["Properties"]["timeout"]
    assert set(json.loads(joins["NotificationMetadata"])) == set(
        yaml.safe_load(of(found, "JoinOperation")["Content"])["Parameters"]
    )
    # nor are the group's nodes still there when these are deleted
    assert set(document(CLUSTER)["Resources"]["ScalingGroup"]["DependsOn"]) == {"SecurityGroup", "MediaMount"}
    # no node is made before its hooks and the stores are there
    assert set(document(CLUSTER)["Resources"]["Enabled"]["DependsOn"]) >= {"JoinHook", "LeaveHook", "DatabaseSchema"}


@each_row
def test_roles_may_do_what_they_are_for_and_no_more(options: Choice) -> None:
    found = made(options)
    for name, service, permitted in (
        ("NodeRole", "ecs", {"oos:GetSecretParameter", "kms:GetSecretValue", "cms:PutCustomMetric"}),
        (
            "OperationsRole",
            "oos",
            {
                "ecs:RunCommand", "ecs:StopInvocation", "ecs:ModifyInstanceMetadataOptions", "ecs:DescribeInvocations",
                "ecs:DescribeInvocationResults", "ecs:DescribeInstances", "ecs:DescribeCloudAssistantStatus",
                "ess:CompleteLifecycleAction", "ess:RecordLifecycleActionHeartbeat",
            },
        ),
    ):  # fmt: skip
        role = of(found, name)
        (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"]["Service"] == [f"{service}.aliyuncs.com"]
        statements = role["Policies"][0]["PolicyDocument"]["Statement"]
        assert {action for each in statements for action in each["Action"]} == permitted
        assert "PolicyAttachments" not in role
        for each in statements:  # what reads or changes anything names it
            free = all(re.match(r"ecs:Describe|cms:Put", action) for action in each["Action"])
            assert free or "*" not in each["Resource"]
    assert of(found, "ScalingConfiguration")["RamRoleName"] == "RoleName-of-NodeRole"


def test_roles_reach_this_stack_alone() -> None:
    """Its own secret, and commands on the instances that its scaling group has tagged."""
    found = made(CLUSTER_ROWS[0])
    secrets = [
        resource for each in statements(found, "NodeRole", "kms:GetSecretValue") for resource in each["Resource"]
    ]
    assert [name.partition(":secret/")[2] for name in secrets] == [
        f"oos/{of(found, 'Settings')['SecretParameterName']}"
    ]
    (commands,) = statements(found, "OperationsRole", "ecs:RunCommand")
    (tag,) = of(found, "ScalingConfiguration")["TagList"]
    assert commands["Condition"] == {"StringEquals": {f"acs:ResourceTag/{tag['Key']}": [tag["Value"]]}}
    tagged = made({**CLUSTER_ROWS[0], "Tags": '[{"Key": "cost", "Value": "asr"}]'})
    assert of(tagged, "ScalingConfiguration")["TagList"] == [tag, {"Key": "cost", "Value": "asr"}]


def statements(made: Made, role: str, action: str) -> list[dict[str, Any]]:
    """Those of a role's policy that allow the action."""
    policy = of(made, role)["Policies"][0]["PolicyDocument"]
    return [each for each in policy["Statement"] if action in each["Action"]]


@pytest.mark.parametrize("options", CLUSTER_ROWS[:4], ids=["0", "1", "2", "3"])
def test_what_the_form_hides_changes_nothing(options: Choice) -> None:
    declared = document(CLUSTER)["Parameters"]
    shown = {**{other: body.get("Default") for other, body in declared.items()}, **options}
    hidden = {
        name: CLUSTER_OPTIONS.get(name, (CLUSTER_DEPENDENT.get(name, ""),))[-1]
        for name in {*CLUSTER_OPTIONS, *CLUSTER_DEPENDENT}
        # the checksums reach the script, which looks at them only if there is an address
        if not name.endswith("Sha256") and not visible(declared[name], shown)
    }
    assert resources({**sent(options), **hidden}, CLUSTER) == made(options)


@pytest.mark.parametrize(
    ("options", "broken", "says"),
    [
        ({"AccessMethod": "Public"}, {"CertificateId": ""}, "needs CertificateId"),
        ({}, {"ClientCidr": ""}, "ClientCidr"),
        ({}, {"SecondZoneId": "cn-hangzhou-h"}, "another zone"),
        ({"BusyNodes": "4"}, {"BusyUntil": ""}, "BusyNodes needs BusyUntil"),
        ({}, {"InstancePassword": ""}, "needs InstancePassword"),
    ],
)
def test_a_wrong_combination_is_refused_before_anything_is_made(options: Choice, broken: Choice, says: str) -> None:
    whole = sent(options)
    assert resources(whole, CLUSTER)
    given_ = {name: value for name, value in {**whole, **broken}.items() if value or name == "CertificateId"}
    with pytest.raises(ApiError, match=says):
        resources(given_, CLUSTER)


def test_every_text_for_people_is_in_both_languages() -> None:
    template = document(CLUSTER)
    for name, parameter in template["Parameters"].items():
        for key in ("Label", "Description"):
            assert set(parameter[key]) == {"en", "zh-cn"}, f"{name}/{key}"
        if parameter.keys() & {"AllowedPattern", "MinValue", "MinLength"}:
            assert set(parameter["ConstraintDescription"]) == {"en", "zh-cn"}, name
    for name, output in template["Outputs"].items():
        assert set(output["Label"]) == set(output["Description"]) == {"en", "zh-cn"}, name


def test_the_form_has_the_order_of_the_single_instance_s() -> None:
    groups = document(CLUSTER)["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]
    names = [name for group in groups for name in group["Parameters"]]
    assert names == list(document(CLUSTER)["Parameters"])
    both = [name for name in document(SINGLE)["Parameters"] if name in names]
    assert [name for name in names if name in both] == both


def test_what_both_templates_ask_for_they_ask_for_alike() -> None:
    own = {"AccessMethod", "DomainName", "ClientCidr", "VpcCidrBlock", "SystemDiskSize", "DeletionProtection",
           "InstanceType", "ZoneId", "SystemDiskCategory"}  # fmt: skip
    single, cluster = document(SINGLE)["Parameters"], document(CLUSTER)["Parameters"]
    assert [name for name in single.keys() & cluster.keys() - own if single[name] != cluster[name]] == []


def test_secrets_do_not_echo_and_have_no_default() -> None:
    for name, parameter in document(CLUSTER)["Parameters"].items():
        assert (parameter.get("NoEcho") is True) == (name in SECRETS), name
    for name in (*SECRETS, "ClientCidr"):
        assert document(CLUSTER)["Parameters"][name].get("Default") is None


def test_the_startup_script_is_verbatim_and_small() -> None:
    content, variables = document(CLUSTER)["Resources"]["JoinOperation"]["Properties"]["Content"]["Fn::Sub"]
    tasks = yaml.safe_load(content)["Tasks"]
    (script,) = [task["Properties"]["commandContent"] for task in tasks if task["Name"] == "start"]
    assert script == (templates.SOURCES / "startup.sh").read_text(encoding="utf-8")
    assert len(base64.b64encode(script.encode())) + 5 * 1024 < 16 * 1024
    # what a user types reaches it as Base64 only
    free = {name for name, value in variables.items() if set(value) != {"Fn::Base64Encode"}}
    assert free == {"Model", "CurlCli"}
    assert "{{" not in script  # OOS would take it for a parameter


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "DatabasePassword",
            ["Abcdefghij_0123456789"],
            ["short1A", "x" * 33, "1bcdefghijklmnopq", "Abcdefghijklmno@p"],
        ),
        ("CertificateId", ["", "12345678-cn-hangzhou"], ["a b", "x" * 65, "$(id)"]),
        ("VpcCidrBlock", ["10.0.0.0/8", "192.168.0.0/18"], ["10.0.0.0/19", "192.168.0.0/24", "8.0.0.0/8"]),
        ("BusyFrom", ["2027-01-04T00:30Z"], ["2027-1-4T0:30Z", "2027-01-04 00:30", "2027-13-04T00:30Z", "$(id)"]),
        ("DatabaseClass", ["pg.n2.2c.2m"], ["mysql.n2.small", "pg.n2;id", ""]),
    ],
)
def test_patterns(name: str, good: list[str], bad: list[str]) -> None:
    declared = document(CLUSTER)["Parameters"][name]
    pattern, longest = declared["AllowedPattern"], declared.get("MaxLength", 1000)
    assert [text for text in good if not re.match(pattern, text)] == []
    assert [text for text in bad if re.match(pattern, text) and len(text) <= longest] == []
