"""python -m deploy with a template that is created in a second: python -m tests.deploy.small create --spec …

Its parameters and outputs are those of the real one. Its instance runs one command, which waits `Patience` tenths of a
second for the file `Flag`, and fails when it does not come: something to interrupt, to mend and to resume.
"""

from __future__ import annotations

from typing import Any

import yaml

from deploy import catalog, cli, templates

_TEXT = {"Type": "String"}
_WAIT = """\
i=0
until test -e '${Flag}'; do
    [ $i -lt ${Patience} ] || exit 1
    sleep 0.1
    i=$((i + 1))
done
"""
NETWORK: dict[str, Any] = {
    "Vpc": {"Type": "ALIYUN::ECS::VPC", "Properties": {"CidrBlock": "10.0.0.0/8"}},
    "VSwitch": {
        "Type": "ALIYUN::ECS::VSwitch",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "ZoneId": {"Ref": "ZoneId"}, "CidrBlock": "10.0.0.0/24"},
    },
}
MACHINE: dict[str, Any] = {
    "Instance": {
        "Type": "ALIYUN::ECS::InstanceGroup",
        "Properties": {
            "InstanceType": {"Ref": "InstanceType"},
            "ZoneId": {"Ref": "ZoneId"},
            "MaxAmount": 1,
            "SystemDiskSize": {"Ref": "SystemDiskSize"},
            "Password": {"Ref": "InstancePassword"},
        },
    },
    "Script": {
        "Type": "ALIYUN::ECS::RunCommand",
        "Properties": {
            "Type": "RunShellScript",
            "Sync": True,
            "Timeout": 60,
            "InstanceIds": {"Fn::GetAtt": ["Instance", "InstanceIds"]},
            "CommandContent": {"Fn::Sub": _WAIT},
        },
    },
}


def template(*, machine: bool) -> str:
    return yaml.safe_dump(
        {
            "ROSTemplateFormatVersion": "2015-09-01",
            "Parameters": {
                "ZoneId": {**_TEXT, "AssociationProperty": "ALIYUN::ECS::Instance::ZoneId"},
                "InstanceType": _TEXT,
                "InstancePassword": {**_TEXT, "NoEcho": True},
                "SoftwareUserName": _TEXT,
                "SoftwarePassword": {**_TEXT, "NoEcho": True},
                "ClientCidr": _TEXT,
                "Model": _TEXT,
                "SystemDiskSize": {"Type": "Number"},
                "Flag": {**_TEXT, "Default": "/"},
                "Patience": {"Type": "Number", "Default": 0},
            },
            "Resources": {**NETWORK, **(MACHINE if machine else {})},
            "Outputs": {
                "LoginAddress": {"Value": "http://127.0.0.1:9/"},
                "ApiAddress": {"Value": "http://127.0.0.1:9/v1"},
            },
        },
        sort_keys=False,
    )


if __name__ == "__main__":
    templates.body = lambda name, folder=catalog.ROOT: template(machine=True)  # type: ignore[assignment]
    raise SystemExit(cli.run())
