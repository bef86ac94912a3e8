"""Every code, planted in a template that is otherwise clean: found at its place, and nothing else is found."""

from __future__ import annotations

import pytest

from deploy.lint import CODES

from .support import BASE, MARK, check, places, planted

LONG = "x" * 12_300
HANDLE = "  Handle:\n    Type: ALIYUN::ROS::WaitConditionHandle\n"
PASSWORD = "  Password:\n    Type: String\n    Label: {en: Password, zh-cn: 密码}\n"
PASSWORD_KIND = "    AssociationProperty: ALIYUN::ECS::Instance::Password\n    NoEcho: true\n"
RULE = "          SourceCidrIp: {Ref: ClientCidr}\n          Priority: 1"
VERSION = "ROSTemplateFormatVersion: '2015-09-01'\n"
OTHER_RULE = "          SourceCidrIp: {Ref: ClientCidr}\n        - "

FAULTS: list[tuple[str, str, str]] = [
    # the file and its sections
    ("WCN101", "Mappings:", "Mappings: «]"),
    ("WCN102", "    MinValue: 200\n", "    MinValue: 200\n    «MinValue: 100\n"),
    ("WCN103", "AllowedPattern: ^[a-z ]{2,32}$\n    Default: admin", "Default: «on"),
    ("WCN103", "    Default: 200\n", "    Default: «0310\n"),
    ("WCN103", "CidrBlock: 192.168.0.0/16", "CidrBlock: 192.168.0.0/16\n      Description: «22:30"),
    ("WCN103", "CidrBlock: 192.168.0.0/16", "CidrBlock: 192.168.0.0/16\n      Description: «1.10"),
    ("WCN105", "ROSTemplateFormatVersion: '2015-09-01'", "ROSTemplateFormatVersion: «'2015-09-02'"),
    ("WCN105", "ROSTemplateFormatVersion: '2015-09-01'\nDescription", "«Description"),
    ("WCN106", "Metadata:\n  ALIYUN", "«Metadatas:\n  ALIYUN"),
    ("WCN107", HANDLE, HANDLE + "  X: «y\n"),
    ("WCN107", "Outputs:\n", "Rules: «[]\nOutputs:\n"),
    ("WCN107", "AllowedValues: [ecs.gn7i-c16g1.4xlarge, ecs.gn7i-c32g1.8xlarge]", "AllowedValues: «ecs.gn7i"),
    ("WCN111", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: «!Reff ALIYUN::StackName"),
    ("WCN114", VERSION, VERSION + "Transform: «Aliyun::Serverless-2018\n"),
    ("WCN114", VERSION, VERSION + "Transform: «AWS::Serverless-2016-10-31\n"),
    ("WCN114", VERSION, VERSION + "Transform: «{Ref: ZoneId}\n"),
    ("WCN114", VERSION, VERSION + "Transform: «[Aliyun::Terraform-v1.5]\n"),
    ("WCN116", VERSION, VERSION + "Transform: «Aliyun::Terraform-v1.5\n"),
    # parameters
    ("WCN201", "    Type: Number", "    Type: «Numbr"),
    ("WCN201", "  ClientCidr:\n    Type: String", "  «ClientCidr:"),
    ("WCN202", "    MaxValue: 2000", "    «MaximumValue: 2000"),
    ("WCN203", "    Default: ecs.gn7i-c16g1.4xlarge", "    Default: «ecs.gn6i-c16g1.4xlarge"),
    ("WCN204", "Default: admin", "Default: «Admin!"),
    ("WCN205", "    Default: 200\n", "    Default: «100\n"),
    ("WCN205", "    Default: 200\n", "    Default: «2001\n"),
    ("WCN205", "    AllowedPattern: ^[a-z ]{2,32}$", "    MinLength: 8"),
    ("WCN206", "    Default: 200\n", "    Default: «big\n"),
    ("WCN206", "    MinValue: 200", "    MinValue: «two"),
    ("WCN206", "    NoEcho: true", "    NoEcho: true\n    Confirm: «maybe"),
    ("WCN207", "    MinLength: 8\n    MaxLength: 30", "    «MinLength: 31\n    MaxLength: 30"),
    ("WCN208", "AllowedPattern: ^[a-z ]{2,32}$", "AllowedPattern: «'^[a-z'"),
    ("WCN209", "          SourceCidrIp: {Ref: ClientCidr}\n", "          SourceCidrIp: 10.0.0.0/8\n"),
    ("WCN210", "    Label: {en: Zone, zh-cn: 可用区}", "    Label: «Zone"),
    ("WCN210", "  ZoneId:\n    Type: String\n    Label: {en: Zone, zh-cn: 可用区}\n", "  «ZoneId:\n    Type: String\n"),
    ("WCN211", "{InstanceType: '${InstanceType}'}", "{InstanceType: '«${InstanceTyp}'}"),
    # resources
    ("WCN301", "  Handle:\n    Type: ALIYUN::ROS::WaitConditionHandle", "  «Handle:\n    DeletionPolicy: Delete"),
    ("WCN302", "Type: ALIYUN::ECS::VPC\n", "Type: «ALIYUN::ECS::VPCX\n"),
    ("WCN302", "Type: ALIYUN::ECS::VPC\n", "Type: «AWS::EC2::VPC\n"),
    ("WCN302", "Type: ALIYUN::ECS::VPC\n", "Type: «ALIYUN::EC::VPC\n"),
    ("WCN304", "    DependsOn: Group", "    «DependOn: Group"),
    ("WCN305", "      MaxAmount: 1", "      MaxAmount: 1\n      «SystemDiskSiz: 40"),
    ("WCN305", "          Priority: 1", "          «Priorty: 1"),
    ("WCN306", "      MaxAmount: 1\n", ""),
    ("WCN306", "        - Key: app\n          Value: {Fn::If", "        - «Value: {Fn::If"),
    ("WCN307", "      MaxAmount: 1", "      MaxAmount: «one"),
    ("WCN307", "AllocatePublicIP: false", "AllocatePublicIP: «maybe"),
    ("WCN307", "CidrBlock: 192.168.0.0/16", "CidrBlock: «[192.168.0.0/16]"),
    ("WCN307", "InstanceIds: {Fn::GetAtt: [Machine, InstanceIds]}", "InstanceIds: «i-1"),
    ("WCN307", "          Value: {Fn::If: [IsLarge, large, {Ref", "          Value: {Fn::If: [IsLarge, «[large], {Ref"),
    ("WCN308", "SecurityGroupType: enterprise", "SecurityGroupType: «enterprize"),
    ("WCN309", "          Priority: 1", "          Priority: «101"),
    ("WCN310", "InstanceIds: {Fn::GetAtt: [Machine, InstanceIds]}", "InstanceIds: «[]"),
    ("WCN311", "      MaxAmount: 1", "      MaxAmount: 1\n      LaunchTemplateVersion: «v1"),
    ("WCN312", "      MaxAmount: 1", "      MaxAmount: 1\n      «MinAmount: 1"),
    ("WCN313", "DeletionPolicy: Delete", "DeletionPolicy: «Keep"),
    # references
    ("WCN401", "VpcId: {Ref: Vpc}", "VpcId: {Ref: «Vpd}"),
    ("WCN401", "user=$(echo '${UserName}'", "user=$(echo '«${Usr}${UserName}'"),
    ("WCN401", "'https://${Machine.PrivateIps}/'", "'https://«${Machin.PrivateIps}/'"),
    ("WCN402", "{Fn::GetAtt: [Handle, CurlCli]}", "{Fn::GetAtt: [«Handel, CurlCli]}"),
    ("WCN403", "{Fn::GetAtt: [Handle, CurlCli]}", "{Fn::GetAtt: [Handle, «Curl]}"),
    ("WCN403", "'https://${Machine.PrivateIps}/'", "'https://«${Machine.PrivateIp}/'"),
    ("WCN404", "Condition: IsLargeAndNamed", "Condition: «IsSmall"),
    ("WCN404", "      - IsLarge\n", "      - «IsSmall\n"),
    ("WCN404", "{Fn::If: [IsLarge, large,", "{Fn::If: [«IsSmall, large,"),
    ("WCN405", "DependsOn: [Command]", "DependsOn: [«Comand]"),
    ("WCN406", "[Images, {Ref: ALIYUN::Region}, Default]", "[«Image, {Ref: ALIYUN::Region}, Default]"),
    ("WCN406", "[Images, {Ref: ALIYUN::Region}, Default]", "[Images, «cn-shanghai, Default]"),
    ("WCN406", "[Images, {Ref: ALIYUN::Region}, Default]", "[Images, {Ref: ALIYUN::Region}, «Large]"),
    ("WCN407", "  Vpc:\n    Type: ALIYUN::ECS::VPC", "  «Vpc:\n    DependsOn: Group\n    Type: ALIYUN::ECS::VPC"),
    ("WCN408", "  IsLargeAndNamed:\n    Fn::And:\n", "  «IsLargeAndNamed:\n    Fn::And:\n      - IsLargeAndNamed\n"),
    # count and locals
    ("WCN314", "Type: ALIYUN::ECS::VPC\n", "Type: ALIYUN::ECS::VPC\n    Count: «-1\n"),
    ("WCN314", "Type: ALIYUN::ECS::VPC\n", "Type: ALIYUN::ECS::VPC\n    Count: «two\n"),
    ("WCN314", "Type: ALIYUN::ECS::VPC\n", "Type: ALIYUN::ECS::VPC\n    Count: «true\n"),
    ("WCN314", "Type: ALIYUN::ECS::VPC\n", "Type: ALIYUN::ECS::VPC\n    Count: «[1]\n"),
    ("WCN504", HANDLE, HANDLE + "    Count: {Ref: «Group}\n"),
    ("WCN504", HANDLE, HANDLE + "    Count: {«Fn::GetAtt: [Machine, OrderId]}\n"),
    ("WCN409", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Ref: «ALIYUN::Index}"),
    ("WCN409", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Sub: 'n«${ALIYUN::Index}'}"),
    ("WCN112", "Mappings:\n", "Locals: {«Block: {Type: Eval}}\nMappings:\n"),
    ("WCN112", "Mappings:\n", "Locals: {Block: {Type: «Makro, Value: 1}}\nMappings:\n"),
    ("WCN112", "Mappings:\n", "Locals: {Block: {Value: 1, «Typ: Eval}}\nMappings:\n"),
    ("WCN112", "Mappings:\n", "Locals: {«Block: {Type: DATASOURCE::VPC::Vpcs, Value: 1}}\nMappings:\n"),
    ("WCN107", "Mappings:\n", "Locals: {Block: «1}\nMappings:\n"),
    ("WCN113", "Mappings:\n", "Locals: {«Vpc: {Value: 1}}\nMappings:\n"),
    ("WCN407", "Mappings:\n", "Locals: {«A: {Value: {Ref: B}}, B: {Value: {Ref: A}}}\nMappings:\n"),
    ("WCN401", "Mappings:\n", "Locals: {A: {Value: {Ref: «Nobody}}}\nMappings:\n"),
    ("WCN212", "AssociationProperty: ALIYUN::ECS::ZoneId", "AssociationProperty: «ALIYUN::ECS::Zoneld"),
    ("WCN212", "AssociationProperty: ALIYUN::ECS::ZoneId", "AssociationProperty: «ALIYUN::ECS::ZoneID"),
    # functions
    ("WCN501", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Joined: [a]}"),
    ("WCN502", "{Fn::GetAtt: [Handle, CurlCli]}", "{«Fn::GetAtt: [Handle, CurlCli, x]}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Join: «abc}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Sub: [a, {}, b]}"),
    ("WCN503", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Join: ['-', «abc]}"),
    ("WCN503", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Base64Encode: «[a]}"),
    ("WCN504", "{Fn::Equals: [{Ref: DiskSize}, 200]}", "{Fn::Equals: [{«Fn::GetAtt: [Machine, OrderId]}, 200]}"),
    ("WCN504", "{Fn::Equals: [{Ref: DiskSize}, 200]}", "{Fn::Equals: [{Ref: «Vpc}, 200]}"),
    ("WCN505", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Str: a, b: c}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Cidr: [«10.0.0.0/33, 2, 8]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Cidr: [10.0.0.0/16, «257, 8]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Cidr: [10.0.0.0/16, 2, «0]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Jq: [«Last, ., '{}']}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Jq: [First, «$ENV.HOME, '{}']}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Indent: [a, «21]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Indent: [a, 1, «5]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::FormatTime: ['%Y', «Mars/Olympus]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::MatchPattern: [«'[a', b]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Split: [«'', a]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Select: [«'::0', [a]]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Calculate: [«2**9, 0]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Calculate: ['1/3', «two]}"),
    ("WCN506", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Avg: [«x, [1]]}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Cidr: [10.0.0.0/16, 2]}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Add: [1]}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Select: [0, [a], b, c, d]}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::MergeMap: [{}]}"),
    ("WCN502", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {«Fn::Indent: [a, 1, 1, true, 1]}"),
    ("WCN503", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::Replace: [«a, b]}"),
    ("WCN503", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::MergeMap: [{}, «[]]}"),
    ("WCN503", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: {Fn::GetJsonValue: [«[a], '{}']}"),
    # security
    ("WCN601", PASSWORD + PASSWORD_KIND, PASSWORD.replace("Password:", "«Password:", 1)),
    ("WCN602", "    NoEcho: true", "    NoEcho: true\n    Default: «Secret-123"),
    ("WCN603", "user=$(echo '${UserName}'", "user=$(echo '«${ClientCidr}${UserName}'"),
    ("WCN603", "UserName: {Fn::Base64Encode: {Ref: UserName}}", "UserName: {Ref: «UserName}"),
    ("WCN603", "user=$(echo '${UserName}'", "user=$(echo '«${Password}${UserName}'"),
    ("WCN604", "            user=$(echo", f"            # {LONG}\n            user=$(echo"),
    ("WCN605", "      MaxAmount: 1", f"      MaxAmount: 1\n      «UserData: {'x' * 32_769}"),
    ("WCN606", RULE, OTHER_RULE + "{IpProtocol: tcp, PortRange: 20/23, SourceCidrIp: «0.0.0.0/0}"),
    ("WCN606", RULE, OTHER_RULE + "{IpProtocol: all, PortRange: -1/-1, Ipv6SourceCidrIp: «'::/0'}"),
    ("WCN606", RULE, OTHER_RULE + "Fn::If: [IsLarge, {IpProtocol: tcp, PortRange: 3389/3389, SourceCidrIp: «0.0.0.0/0},"
     " {Ref: ALIYUN::NoValue}]"),
    ("WCN606", RULE, OTHER_RULE + "{IpProtocol: tcp, PortRange: 22/22,"
     " SourceCidrIp: {Fn::If: [IsLarge, «0.0.0.0/0, 10.0.0.0/8]}}"),
    ("WCN606", RULE, OTHER_RULE + "{IpProtocol: all, PortRange: 80/80, SourceCidrIp: «0.0.0.0/0}"),
    ("WCN403", "{Fn::GetAtt: [Handle, CurlCli]}", "{Fn::GetAtt: «Handle.Curl}"),
    ("WCN607", "- IpProtocol: tcp\n          PortRange: 443/443\n          DestCidrIp: 0.0.0.0/0",
     "- IpProtocol: all\n          PortRange: -1/-1\n          DestCidrIp: «0.0.0.0/0"),
    # outputs and the form
    ("WCN701", "    Value: {Fn::Sub: 'https://${Machine.PrivateIps}/'}\n", ""),
    ("WCN702", "    Label: {en: Address, zh-cn: 地址}", "    «Name: x"),
    ("WCN703", "Parameters: [UserName, ClientCidr]", "Parameters: [UserName, ClientCidr, «Client]"),
    ("WCN704", "Parameters: [UserName, ClientCidr]", "Parameters: [UserName]"),
    ("WCN705", "Parameters: [UserName, ClientCidr]", "Parameters: [UserName, ClientCidr, «ZoneId]"),
    ("WCN706", "'acs:example:whisper:single'", "«'acs:example:whisper: '"),
    ("WCN706", "'acs:example:whisper:single'", "«'acs:example:whisper'"),
    ("WCN707", "    Description: {en: Where it answers, zh-cn: 访问地址}", "    Description: «Where it answers"),
    ("WCN707", "Label: {default: {en: Software, zh-cn: 软件}}", "Label: {default: «Software}"),
    # computenest-cli
    ("WCN801", "VpcName: {Ref: ALIYUN::StackName}", "VpcName: «!Ref ALIYUN::StackName"),
    ("WCN802", "ImageId: {Fn::FindInMap: [Images, {Ref: ALIYUN::Region}, Default]}",
     "ImageId: «{Fn::If: [IsLarge, {Fn::FindInMap: [Images, cn-beijing, Default]}, m-1]}"),
]  # fmt: skip

# Where the fault is the absence of something, the finding points at the owner's name.
ELSEWHERE = {
    "WCN209": "ClientCidr:\n    Type",
    "WCN604": "CommandContent:",
    "WCN701": "Address:\n",
    "WCN704": "ClientCidr:\n    Type",
}
SEEN_IN_OTHER_TESTS = {"WCN104", "WCN108", "WCN109", "WCN110", "WCN115", "WCN303"}


@pytest.mark.parametrize(("code", "old", "new"), FAULTS, ids=[f"{code}-{n}" for n, (code, _, _) in enumerate(FAULTS)])
def test_a_planted_fault_is_found_at_its_place_and_alone(code: str, old: str, new: str) -> None:
    text, line, column = planted(old, new)
    findings = check(text)
    found = places(findings)
    if MARK in new:
        assert (code, line, column) in found
    else:
        owner = ELSEWHERE.get(code)
        assert code in [each for each, _, _ in found]
        if owner:
            before = text.partition(owner)[0]
            assert (code, before.count("\n") + 1, len(before) - before.rfind("\n")) in found
    assert {finding.code for finding in findings} == {code}, findings


def test_the_base_is_clean() -> None:
    assert check(BASE) == []


def test_every_code_is_planted_somewhere() -> None:
    assert {code for code, _, _ in FAULTS} | SEEN_IN_OTHER_TESTS == set(CODES)


@pytest.mark.parametrize(("code", "old", "new"), FAULTS, ids=[f"{code}-{n}" for n, (code, _, _) in enumerate(FAULTS)])
def test_a_finding_speaks_both_languages_and_leaves_no_gap(code: str, old: str, new: str) -> None:
    text, _, _ = planted(old, new)
    for finding in check(text):
        english, chinese = finding.message("en"), finding.message("zh")
        assert any("\u4e00" <= character <= "\u9fff" for character in chinese)
        for gap in ("{name}", "{path}", "{type}", "{key}", "None"):
            assert gap not in english + chinese
        assert "\n" not in english + chinese
