"""What a node asks of the cloud with its RAM role. The standard library alone, because it runs before all is set up.

    cloud.py secret NAME             prints the value of an encrypted parameter of OOS
    cloud.py metric GROUP CLUSTER    reports the queue's length to CloudMonitor; reads the app's metrics from its input

The role's keys come from the metadata service (IMDSv2), last for hours and are never written down. Requests are signed
with ACS3-HMAC-SHA256 ("Request syntax and signature method V3" of the OpenAPI documentation).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

METADATA = "http://100.100.100.200/latest"
OOS, CMS = ("oos", "2019-06-01"), ("metrics", "2019-01-01")
SECONDS = 20
ATTEMPTS = int(os.environ.get("WHISPER_CLOUD_ATTEMPTS") or 5)
_DEVICES = re.compile(r"^whisper_cluster_devices ([0-9]+)$", re.M)
_QUEUE = re.compile(r"^whisper_queue_seconds\{[^}]*\} ([0-9.e+-]+)$", re.M)


@dataclass(frozen=True)
class Role:
    """Keys of the instance's role. `endpoint` replaces every service's own, for the local target."""

    region: str
    key: str
    secret: str
    token: str = ""
    endpoint: str = ""


class CloudError(Exception):
    """One line that says what the cloud said."""


def role() -> Role:
    """From the environment on the local target, else from the metadata service. Raises CloudError."""
    if endpoint := os.environ.get("WHISPER_CLOUD"):
        key, secret = os.environ["WHISPER_CLOUD_KEY"], os.environ["WHISPER_CLOUD_SECRET"]
        return Role(os.environ["WHISPER_CLOUD_REGION"], key, secret, endpoint=endpoint)
    ask = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}
    token = _fetch(_request(f"{METADATA}/api/token", "PUT", ask)).decode()

    def item(name: str) -> str:
        headers = {"X-aliyun-ecs-metadata-token": token}
        return _fetch(_request(f"{METADATA}/meta-data/{name}", headers=headers)).decode().strip()

    name = item("ram/security-credentials/").splitlines()[0]
    found = json.loads(item(f"ram/security-credentials/{name}"))
    return Role(item("region-id"), found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"])


def call(who: Role, service: tuple[str, str], action: str, parameters: dict[str, str]) -> dict[str, object]:
    """One action of a service of the RPC style. Raises CloudError with the service's code."""
    product, version = service
    base = who.endpoint or f"https://{product}.{who.region}.aliyuncs.com"
    query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(parameters.items()))
    headers = {
        "host": urlsplit(base).netloc,
        "x-acs-action": action,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": version,
    }
    if who.token:
        headers["x-acs-security-token"] = who.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join(("POST", "/", query, lines, names, headers["x-acs-content-sha256"]))
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(who.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = f"ACS3-HMAC-SHA256 Credential={who.key},SignedHeaders={names},Signature={signature}"
    del headers["host"]
    answer: dict[str, object] = json.loads(_fetch(_request(f"{base}/?{query}", "POST", headers)))
    return answer


def secret(who: Role, name: str) -> str:
    """The value of an encrypted parameter."""
    parameters = {"RegionId": who.region, "Name": name, "WithDecryption": "true"}
    found = call(who, OOS, "GetSecretParameter", parameters)["Parameter"]
    assert isinstance(found, dict)
    return str(found["Value"])


def queue_minutes(metrics: str) -> float:
    """Minutes of recording that are left for each graphics card of the cluster, from a node's metrics."""
    devices = sum(map(int, _DEVICES.findall(metrics))) or 1
    return sum(map(float, _QUEUE.findall(metrics))) / 60 / devices


def report(who: Role, group: str, cluster: str, minutes: float) -> None:
    """One value of the metric by which the scaling group grows and shrinks."""
    call(who, CMS, "PutCustomMetric", {
        "RegionId": who.region,
        "MetricList.1.GroupId": group,
        "MetricList.1.MetricName": "whisper_queue_minutes_per_gpu",
        "MetricList.1.Dimensions": json.dumps({"cluster": cluster}),
        "MetricList.1.Type": "0",
        "MetricList.1.Period": "60",
        "MetricList.1.Time": time.strftime("%Y%m%dT%H%M%S.000+0000", time.gmtime()),
        "MetricList.1.Values": json.dumps({"value": round(minutes, 3)}),
    })  # fmt: skip


def _request(url: str, method: str = "GET", headers: dict[str, str] | None = None) -> urllib.request.Request:
    """No address here comes from outside: the metadata service's and the region's own."""
    data = b"" if method == "POST" else None
    return urllib.request.Request(url, data, headers or {}, method=method)  # noqa: S310


def _fetch(request: urllib.request.Request) -> bytes:
    """Tries again what may pass: a network that is not up yet, a service that is busy."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            if attempt == ATTEMPTS or error.code < 500:
                raise CloudError(_reason(error.code, said)) from None
        except OSError as error:
            if attempt == ATTEMPTS:
                raise CloudError(f"no answer: {error}") from None
        time.sleep(2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def _reason(status: int, said: str) -> str:
    try:
        answer = json.loads(said)
        return f"{answer['Code']}: {answer['Message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}"


def main(words: list[str]) -> int:
    try:
        match words:
            case ["secret", name]:
                sys.stdout.write(f"{secret(role(), name)}\n")
            case ["metric", group, cluster]:
                report(role(), group, cluster, queue_minutes(sys.stdin.read()))
            case _:
                sys.stderr.write(__doc__ or "")
                return 2
    except CloudError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
