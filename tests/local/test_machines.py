"""ECS at the same address: commands on instances, and what there is, through ECS's own SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config

from .support import SUCCESS, code_of

REGION = "cn-hangzhou"


@pytest.fixture(scope="module")
def ecs(shared: Any) -> Client:
    endpoint = shared.endpoint
    return Client(
        Config(
            endpoint=endpoint.host, protocol="http",
            access_key_id=endpoint.access_key_id, access_key_secret=endpoint.access_key_secret,
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def instance(shared: Any) -> str:
    """The id of an instance that runs in the file's emulator."""
    group = {"InstanceType": "ecs.gn7i-c32g1.8xlarge", "MaxAmount": 1, "InstanceName": "box", "HttpTokens": "required"}
    stack = shared.create(
        {
            "Resources": {"Group": {"Type": "ALIYUN::ECS::InstanceGroup", "Properties": group}},
            "Outputs": {"Id": {"Value": {"Fn::Select": ["0", {"Fn::GetAtt": ["Group", "InstanceIds"]}]}}},
        },
        name="box",
    )
    return str(shared.outputs(stack.stack_id)["Id"])


@pytest.fixture
def run(ecs: Client, instance: str, eventually: Any) -> Callable[..., Any]:
    """Runs a script and returns its result once it has ended."""

    def run(script: str, **more: Any) -> Any:
        request = models.RunCommandRequest(
            region_id=REGION, type="RunShellScript",
            **{"instance_id": [instance], "command_content": script, "timeout": 20, **more},
        )  # fmt: skip
        invoke_id = ecs.run_command(request).body.invoke_id
        return eventually(lambda: (found := result(ecs, invoke_id)).invoke_record_status != "Running" and found)

    return run


def result(ecs: Client, invoke_id: str) -> Any:
    request = models.DescribeInvocationResultsRequest(region_id=REGION, invoke_id=invoke_id)
    return ecs.describe_invocation_results(request).body.invocation.invocation_results.invocation_result[0]


def text(found: Any) -> str:
    return base64.b64decode(found.output).decode()


def test_a_command_really_runs_on_the_instance(run, shared, instance) -> None:
    found = run(base64.b64encode(b"echo hello; echo oops >&2; pwd").decode(), content_encoding="Base64")
    assert (found.invocation_status, found.invoke_record_status, found.exit_code) == ("Success", "Finished", 0)
    home = shared.folder / "instances" / instance / "root"
    assert text(found) == f"hello\noops\n{home}\n"
    found = run("exit 3")
    assert (found.invocation_status, found.invoke_record_status, found.exit_code) == ("Failed", "Failed", 3)


def test_long_output_keeps_its_end(run) -> None:
    found = run("head -c 30000 /dev/zero | tr '\\0' x; echo end")
    assert len(text(found)) == 24 * 1024
    assert text(found).endswith("xend\n")
    assert found.dropped == 30004 - 24 * 1024


def test_exit_codes_restart_the_instance(run, shared, instance) -> None:
    again = run('echo x >> "$HOME/starts"; setsid sleep 600 & [ $(wc -l < "$HOME/starts") -ge 3 ] || exit 194')
    assert (again.invocation_status, again.exit_code) == ("Success", 0)
    home = shared.folder / "instances" / instance / "root"
    assert (home / "starts").read_text() == "x\n" * 3
    found = run("exit 193")
    assert (found.invocation_status, found.exit_code) == ("Success", 193)


def test_a_command_is_listed_and_can_be_stopped(ecs, instance, eventually) -> None:
    request = models.RunCommandRequest(
        region_id=REGION, type="RunShellScript", instance_id=[instance], command_content="sleep 600", timeout=600,
        name="nap", client_token="once",
    )  # fmt: skip
    invoke_id = ecs.run_command(request).body.invoke_id
    assert ecs.run_command(request).body.invoke_id == invoke_id

    def listed() -> Any:
        query = models.DescribeInvocationsRequest(region_id=REGION, invoke_id=invoke_id, include_output=True)
        (found,) = ecs.describe_invocations(query).body.invocations.invocation
        return found

    assert (listed().invocation_status, listed().command_name) == ("Running", "nap")
    ecs.stop_invocation(models.StopInvocationRequest(region_id=REGION, invoke_id=invoke_id))
    assert eventually(lambda: (found := listed()).invocation_status != "Running" and found).invoke_status == "Stopped"


def test_a_command_that_takes_too_long(shared, ecs, machine) -> None:
    template = machine("echo begun; sleep 600", sync=True, command_timeout=1)
    stack = shared.create(template, name="slow", disable_rollback=True)
    invoke_id = shared.resources(stack.stack_id)["Run"].physical_resource_id
    found = result(ecs, invoke_id)
    assert (found.invocation_status, found.error_code) == ("Timeout", "TaskTimeout")
    assert text(found) == "begun\n"


def test_the_startup_command_is_an_invocation_without_its_secrets(shared, ecs, machine) -> None:
    stack = shared.create(machine(f'echo "$SECRET"; {SUCCESS}', sync=True), name="startup")
    query = models.DescribeInvocationsRequest(
        region_id=REGION, instance_id=shared.outputs(stack.stack_id)["InstanceId"], include_output=True,
        content_encoding="PlainText",
    )  # fmt: skip
    (found,) = ecs.describe_invocations(query).body.invocations.invocation
    assert found.command_name == "startup-Run"
    assert "SECRET=****" in found.command_content
    assert found.invoke_instances.invoke_instance[0].output == "****\n"


def test_unknown_instances_and_too_long_scripts(run) -> None:
    for expected, script, more in (
        ((404, "InvalidInstance.NotFound"), "true", {"instance_id": ["i-none"]}),
        ((403, "CmdContent.ExceedLimit"), "x" * 20_000, {}),
        ((400, "InvalidParameter.CommandContent"), "%", {"content_encoding": "Base64"}),
        ((400, "InvalidParameter.Timeout"), "true", {"timeout": 5}),
    ):
        with pytest.raises(Exception) as error:
            run(script, **more)
        assert code_of(error) == expected


def test_instances_are_described(ecs, instance) -> None:
    query = models.DescribeInstancesRequest(region_id=REGION, instance_ids=json.dumps([instance]))
    (found,) = ecs.describe_instances(query).body.instances.instance
    assert (found.instance_name, found.status, found.instance_type) == ("box", "Running", "ecs.gn7i-c32g1.8xlarge")
    assert (found.cpu, found.memory, found.gpuamount) == (32, 188 * 1024, 1)
    assert found.metadata_options.http_tokens == "required"
    status = ecs.describe_cloud_assistant_status(
        models.DescribeCloudAssistantStatusRequest(region_id=REGION, instance_id=[instance])
    ).body.instance_cloud_assistant_status_set.instance_cloud_assistant_status
    assert [item.cloud_assistant_status for item in status] == ["true"]


def test_regions_zones_stock_and_quota(ecs, instance) -> None:
    regions = ecs.describe_regions(models.DescribeRegionsRequest()).body.regions.region
    assert REGION in [region.region_id for region in regions]
    zones = ecs.describe_zones(models.DescribeZonesRequest(region_id=REGION)).body.zones.zone
    query = models.DescribeAvailableResourceRequest(
        region_id=REGION, destination_resource="InstanceType", instance_type="ecs.gn7i-c16g1.4xlarge"
    )
    offered = ecs.describe_available_resource(query).body.available_zones.available_zone
    assert [zone.zone_id for zone in offered] == [zone.zone_id for zone in zones]
    resource = offered[0].available_resources.available_resource[0].supported_resources.supported_resource[0]
    assert (resource.value, resource.status_category) == ("ecs.gn7i-c16g1.4xlarge", "WithStock")
    items = ecs.describe_account_attributes(
        models.DescribeAccountAttributesRequest(region_id=REGION, attribute_name=["used-postpaid-instance-vcpu-count"])
    ).body.account_attribute_items.account_attribute_item
    assert int(items[0].attribute_values.value_item[0].value) >= 32
