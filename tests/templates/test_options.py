"""Whatever is chosen in the form, the stack is whole: worked out for arbitrary choices, and made on the local target
for choices in which every two values meet."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy import formats
from deploy.lint import lint
from deploy.local.errors import ApiError
from deploy.target import stop
from tests.local.conftest import Target

from .options import (
    ALWAYS,
    CLIENTS,
    DEPENDENT,
    DOMAIN,
    EVERYBODY,
    OPTIONS,
    Choice,
    as_the_form_sends,
    document,
    outputs,
    pairs,
    resources,
    visible,
)

choices = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in OPTIONS.items()})
examples = settings(max_examples=60, deadline=None, derandomize=True)

# An application that only tells what it was given, and that it is ready.
START = r"""#!/bin/bash
set -eu
tee "$WHISPER_ROOT/given" > /dev/null
signal=$(sed -n 's/^SIGNAL_B64=//p' "$WHISPER_ROOT/given" | base64 -d)
eval "$signal -sS -f -o /dev/null --data-binary @-" <<'JSON'
{"status": "SUCCESS", "id": "1", "data": "{\"login_address\": \"http://127.0.0.1/\",
 \"api_address\": \"http://127.0.0.1/v1\", \"certificate\": \"none\", \"fingerprint\": \"\"}"}
JSON
""".replace(",\n ", ", ")


@examples
@given(choices)
def test_every_choice_gives_resources_that_the_schema_accepts(options: Choice) -> None:
    made = {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": {"en": "worked out", "zh-cn": "已求值"},
        "Resources": resources(as_the_form_sends(options)),
    }
    assert [str(finding) for finding in lint(yaml.safe_dump(made, allow_unicode=True), "worked-out.yaml")] == []


@examples
@given(choices)
def test_what_is_not_chosen_is_left_out(options: Choice) -> None:
    made = resources(as_the_form_sends(options))
    new, private = options["VpcOption"] == "NewVpc", options["AccessMethod"] == "WebProxy"
    assert ("Vpc" in made) == ("VSwitch" in made) == new
    assert ("Eip" in made) == (options["AccessMethod"] == "NewEip")
    assert ("EipAssociation" in made) == (not private)
    assert ("SnapshotPolicy" in made) == (options["DailySnapshots"] == "true")
    assert ("WebProxyAddress" in outputs(as_the_form_sends(options))) == private

    instance = made["InstanceGroup"]["Properties"]
    assert ("Password" in instance) != ("KeyPairName" in instance)
    assert ("Period" in instance) == ("PeriodUnit" in instance) == (options["PayType"] == "PrePaid")
    encrypted = options["EncryptSystemDisk"] == "true"
    assert ("SystemDiskEncrypted" in instance) == encrypted
    assert ("SystemDiskKMSKeyId" in instance) == (encrypted and options["KmsKeyId"] != "")
    protected = options["DeletionProtection"] == "true" and options["PayType"] == "PostPaid"
    assert instance["DeletionProtection"] is protected
    assert instance["VpcId"] == made["SecurityGroup"]["Properties"]["VpcId"]
    assert instance["VpcId"] == ("id-of-Vpc" if new else DEPENDENT["VpcId"])


@examples
@given(choices)
def test_only_the_chosen_clients_come_in(options: Choice) -> None:
    made = resources(as_the_form_sends(options))["SecurityGroup"]["Properties"]
    clients = formats.WEB_PROXY_CIDR if options["AccessMethod"] == "WebProxy" else options["ClientCidr"]
    ways_in = {(rule["PortRange"], rule["SourceCidrIp"]) for rule in made["SecurityGroupIngress"]}
    checked = options["OpenCertificateCheck"] == "true" and clients == CLIENTS
    assert ways_in == {("443/443", clients), ("80/80", clients)} | ({("80/80", EVERYBODY)} if checked else set())
    ways_out = {(rule["IpProtocol"], rule["PortRange"], rule["DestCidrIp"]) for rule in made["SecurityGroupEgress"]}
    assert ("all", "-1/-1", EVERYBODY) not in ways_out
    assert {ports for _, ports, range_ in ways_out if range_ == EVERYBODY} == {"443/443"}


@examples
@given(choices)
def test_the_script_gets_every_value_in_base64(options: Choice) -> None:
    given = as_the_form_sends(options)
    script = resources(given)["RunCommand"]["Properties"]["CommandContent"]
    assert "${" not in re.sub(r"\$\{(WHISPER_ROOT:-|url%%\\\?\*)\}", "", script)
    public = options["AccessMethod"] != "WebProxy"
    assert f"address=$(decode '{encode(options['DomainName'] if public else '')}')" in script
    # named even when a domain is shown, so that the command does not run before the address is bound
    assert f"address=$(decode '{encode('EipAddress-of-EipAssociation' if public else '')}')" in script
    assert f"url=$(decode '{encode(options['PackageUrl'])}')" in script
    for secret in (ALWAYS["SoftwarePassword"], DEPENDENT["InstancePassword"], DOMAIN, "bucket.example"):
        assert secret not in script


@examples
@given(choices, st.sampled_from(sorted({*OPTIONS, *DEPENDENT})))
def test_what_the_form_hides_changes_nothing(options: Choice, name: str) -> None:
    declared = document()["Parameters"]
    defaults = {other: body.get("Default") for other, body in declared.items()}
    sent = as_the_form_sends(options)
    # the checksums reach the script, which looks at them only if there is an address
    if name.endswith("Sha256") or visible(declared[name], {**defaults, **options}):
        return
    for value in OPTIONS.get(name, (DEPENDENT.get(name, ""),)):
        assert resources({**sent, name: value}) == resources(sent), name


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"VpcOption": "ExistingVpc"}, "VpcId"),
        ({"VpcOption": "ExistingVpc"}, "VSwitchId"),
        ({"AccessMethod": "ExistingEip"}, "EipAllocationId"),
        ({"AccessMethod": "NewEip"}, "ClientCidr"),
        ({"InstanceLogin": "Password"}, "InstancePassword"),
        ({"InstanceLogin": "KeyPair"}, "KeyPairName"),
        ({"PackageUrl": OPTIONS["PackageUrl"][1]}, "PackageSha256"),
    ],
)
def test_a_choice_without_what_it_needs_is_refused_before_anything_is_made(options: Choice, missing: str) -> None:
    sent = as_the_form_sends({"ClientCidr": CLIENTS, **options})
    assert resources(sent)
    del sent[missing]
    with pytest.raises(ApiError, match=f"needs {missing}"):
        resources(sent)


def test_years_are_at_most_five() -> None:
    sent = as_the_form_sends({"PayType": "PrePaid", "PayPeriodUnit": "Year", "ClientCidr": CLIENTS})
    assert resources({**sent, "PayPeriod": "5"})
    with pytest.raises(ApiError, match="PayPeriod is at most 5"):
        resources({**sent, "PayPeriod": "6"})
    assert resources({**sent, "PayPeriod": "6", "PayPeriodUnit": "Month"})


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = Target(tmp_path_factory.mktemp("options") / "state")
    start = made.folder / "images/tells/opt/whisper/current/scripts/start.sh"
    start.parent.mkdir(parents=True)
    start.write_text(START)
    yield made
    stop(made.folder)


def test_pairs_cover_every_two_values() -> None:
    rows = list(pairs())
    for a, b in (("AccessMethod", "VpcOption"), ("InstanceType", "Tags"), ("PayType", "DeletionProtection")):
        assert {(row[a], row[b]) for row in rows} == {(x, y) for x in OPTIONS[a] for y in OPTIONS[b]}
    assert len(rows) < 30


def test_every_two_choices_together_are_made_on_the_local_target(target: Target) -> None:
    template = document()
    begun: dict[str, tuple[Choice, str]] = {}
    for number, options in enumerate(pairs()):
        # a protected instance cannot be removed after the test, and this image needs no package
        sent = as_the_form_sends({**options, "DeletionProtection": "false", "PackageUrl": "", "ImageId": "tells"})
        begun[f"options-{number}"] = options, target.begin(template, f"options-{number}", sent)
    for name, (options, stack_id) in begun.items():
        stack = target.ended(stack_id)
        assert stack.status == "CREATE_COMPLETE", (name, options, stack.status_reason)
        told: dict[str, Any] = target.outputs(stack_id)
        assert told["LoginAddress"] == "http://127.0.0.1/"
        assert (told["Certificate"], told["CertificateFingerprint"]) == ("none", "")
        given = (target.folder / "instances" / told["InstanceId"] / "given").read_text().splitlines()
        address = {"WebProxy": ""}.get(options["AccessMethod"], options["DomainName"] or "127.0.0.1")
        assert f"PUBLIC_ADDRESS={address}" in given
        assert f"PASSWORD_B64={encode(ALWAYS['SoftwarePassword'])}" in given
        assert set(target.resources(stack_id)) == set(resources(as_the_form_sends(options)))
    for _, stack_id in begun.values():
        target.request("delete_stack", stack_id=stack_id)
    assert {target.ended(stack_id).status for _, stack_id in begun.values()} == {"DELETE_COMPLETE"}


def test_an_image_without_the_application_fails_at_once(target: Target) -> None:
    (target.folder / "images/empty").mkdir()
    stack = target.create(document(), parameters=as_the_form_sends({"ImageId": "empty", "ClientCidr": CLIENTS}))
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "no_release" in stack.status_reason
    assert json.dumps(DEPENDENT["InstancePassword"]) not in stack.status_reason


@pytest.mark.weights
def test_the_real_application_starts_with_options_far_from_the_defaults(target: Target) -> None:
    chosen = {
        "PayType": "PrePaid",
        "AccessMethod": "ExistingEip",
        "ClientCidr": CLIENTS,
        "DomainName": DOMAIN,
        "OpenCertificateCheck": "true",
        "VpcOption": "ExistingVpc",
        "EncryptSystemDisk": "true",
        "DailySnapshots": "true",
        "InstanceLogin": "KeyPair",
        "Model": "tiny.en",
        "Tags": OPTIONS["Tags"][1],
    }
    stack = target.create(document(), name="real", parameters=as_the_form_sends(chosen))
    assert stack.status == "CREATE_COMPLETE", stack.status_reason
    with urllib.request.urlopen(f"{target.outputs(stack.stack_id)['LoginAddress']}readyz", timeout=10) as answer:
        assert answer.status == 200
    assert target.delete(stack.stack_id).status == "DELETE_COMPLETE"
