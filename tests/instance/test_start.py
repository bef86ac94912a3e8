"""A deployment that goes well, seen from all sides. The tests share one instance and leave it as they found it."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.local import orchestration
from tests.instance.conftest import PASSWORD, ROOT, USER, api, encoded, start
from tests.instance.machine import Machine, wait_until

ADDRESS = "203.0.113.10"
CLIP = ROOT / "service_app/assets/clips/demo-en.wav"


def outputs(machine: Machine) -> dict[str, str]:
    return json.loads(machine.signals()[-1]["data"])  # type: ignore[no-any-return]


def operated(machine: Machine, operation: str) -> str:
    """What the customer's operation prints: its OOS template, with Cloud Assistant's command really run."""
    said: list[str] = []

    def act(action: str, properties: Mapping[str, Any]) -> None:
        assert (action, properties["instanceId"], properties["commandType"]) == (
            "ACS::ECS::RunCommand", "i-1", "RunShellScript")  # fmt: skip
        done = machine.run_command(properties["commandContent"], timeout=properties["timeout"])
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)

    template = (ROOT / f"assets/operations/{operation}.yaml").read_text(encoding="utf-8")
    orchestration.run(template, {"regionId": "cn-hangzhou", "instanceIds": ["i-1"], "OOSAssumeRole": ""}, act)
    (text,) = said
    return text


def test_success_tells_the_address_and_the_certificate(started: Machine) -> None:
    signals = started.signals()
    assert [s["status"] for s in signals] == ["SUCCESS"]
    data = outputs(started)
    assert data["login_address"] == f"https://{ADDRESS}/"
    assert data["api_address"] == f"https://{ADDRESS}/v1"
    assert data["certificate"] == "self-signed"
    assert "继续前往" in data["note"]
    assert "Proceed" in data["note"]
    shown = f"openssl s_client -connect {ADDRESS}:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
    live = started.outside_execute("sh", "-c", shown)
    assert live.stdout.strip().split("=")[1] == data["fingerprint"]


def test_every_step_is_timed_and_the_whole_is_quick(started: Machine) -> None:
    log = started.path("/var/log/whisper/start.log").read_text()
    steps = dict(re.findall(r"\] [^/\n]+ / ([a-z ]+): (\d+) ms", log))
    assert set(steps) == {
        "settings", "start", "every device answers", "certificate", "the bundled clip has the right words",
    }  # fmt: skip
    loading = int(steps["every device answers"])
    assert sum(map(int, steps.values())) - loading < 15_000


def test_a_second_run_changes_nothing(started: Machine) -> None:
    before = started.execute("systemctl", "show", "-P", "MainPID", "whisper", "whisper-proxy").stdout
    again = start(started)
    assert again.returncode == 0, again.stdout
    assert started.execute("systemctl", "show", "-P", "MainPID", "whisper", "whisper-proxy").stdout == before
    assert [s["status"] for s in started.signals()] == ["SUCCESS", "SUCCESS"]


def test_page_and_api_answer_over_https_from_outside(started: Machine) -> None:
    page = started.outside_execute("curl", "-sk", "-D", "-", "--http2", f"https://{ADDRESS}/login").stdout
    assert page.startswith("HTTP/2 200")
    for header in ("content-security-policy:", "x-content-type-options: nosniff", "microphone=(self)"):
        assert header in page.lower()
    plain = started.outside_execute(
        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"http://{ADDRESS}/x?y=1"
    )
    assert plain.stdout == f"308 https://{ADDRESS}/x?y=1"
    nobody = started.outside_execute(
        "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", f"https://{ADDRESS}/v1/models"
    )
    assert nobody.stdout == "401"
    done = started.outside_execute(
        "curl", "-sk", "-u", f"{USER}:{PASSWORD}", "-F", f"file=@{CLIP}", "-F", "model=whisper-1", f"https://{ADDRESS}/v1/audio/transcriptions",
    )  # fmt: skip
    assert len(json.loads(done.stdout)["text"].split()) > 5


def test_a_client_that_pins_the_certificate_can_verify_it(started: Machine) -> None:
    pem = started.path("/var/lib/whisper-proxy/self-signed/cert.pem")
    done = started.outside_execute("curl", "-s", "--cacert", pem, f"https://{ADDRESS}/healthz")
    assert done.returncode == 0


def test_by_another_name_the_proxy_answers_too(started: Machine) -> None:
    """Compute Nest's web proxy comes by a private address and a name of its own."""
    done = started.outside_execute(
        "curl", "-sk", "--connect-to", f"::{ADDRESS}:443", "-o", "/dev/null", "-w", "%{http_code}", "https://proxy.example/login"
    )  # fmt: skip
    assert done.stdout == "200"


def test_only_the_web_ports_listen_outside(started: Machine) -> None:
    listening = started.execute("ss", "-Htln").stdout.split("\n")
    addresses = {line.split()[3] for line in listening if line}
    assert {a for a in addresses if not a.startswith(("127.", "[::1]"))} == {"*:80", "*:443"}
    started.execute("sh", "-c", "python3 -m http.server 8081 >/dev/null 2>&1 & echo $! >/run/opened; sleep 0.5")
    refused = started.outside_execute("curl", "-s", "-m", "2", f"http://{ADDRESS}:8081/", check=False)
    started.execute("sh", "-c", "kill $(cat /run/opened)")
    assert refused.returncode == 28, "the firewall drops what nobody meant to open"


def test_files_and_processes_belong_to_whom_they_should(started: Machine) -> None:
    for path, wanted in {
        "/etc/whisper": "root 700",
        "/etc/whisper/whisper.env": "root 600",
        "/etc/whisper/proxy.env": "root 600",
        "/var/lib/whisper": "whisper 700",
        "/var/lib/whisper-proxy": "whisper-proxy 700",
        "/var/lib/whisper-proxy/self-signed/key.pem": "whisper-proxy 600",
        "/var/log/whisper/start.log": "root 600",
    }.items():
        assert started.execute("stat", "-c", "%U %a", path).stdout.strip() == wanted, path
    strays = started.execute("find", "/var/lib/whisper", "!", "-user", "whisper").stdout
    assert strays == ""
    users = started.execute("ps", "-eo", "user:20,args").stdout
    assert re.search(r"^whisper +.*service_app serve", users, re.M)
    assert re.search(r"^whisper-proxy +.*caddy run", users, re.M)


def test_running_units_keep_their_hardening(started: Machine) -> None:
    pid = started.execute("systemctl", "show", "-P", "MainPID", "whisper").stdout.strip()
    status = started.execute("cat", f"/proc/{pid}/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    limits = started.execute("cat", f"/proc/{pid}/limits").stdout
    assert re.search(r"Max core file size\s+0\s+0", limits)


@pytest.mark.parametrize("unit", ["whisper", "whisper-proxy"])
def test_the_command_that_holds_the_password_is_out_of_reach(started: Machine, unit: str) -> None:
    """Cloud Assistant's folder, which every user of the instance may read."""
    scripts = "/usr/local/share/aliyun-assist/work/script"
    assert started.path(scripts).is_dir()
    pid = started.execute("systemctl", "show", "-P", "MainPID", unit).stdout.strip()
    assert started.execute("ls", f"/proc/{pid}/root{scripts}", check=False).returncode != 0


def test_the_password_is_nowhere(started: Machine) -> None:
    """Not in any file, log, journal, process list or environment; neither is its Base64."""
    assert traces(started, PASSWORD) == []


def traces(machine: Machine, secret: str) -> list[str]:
    """Where the secret or its Base64 is to be found now."""
    found = []
    for needle in (secret, encoded(secret)):
        found += [  # the whole file system as far as it differs from the image, /etc included
            str(path)
            for path in machine.changes.rglob("*")
            if path.is_file() and not path.is_symlink() and needle.encode() in path.read_bytes()
        ]
        for command in ("journalctl --no-pager -o export", "ps -eo args", "cat /proc/[0-9]*/environ 2>/dev/null",
                        "grep -rlsa -- needle /run /tmp /dev/shm || true"):  # fmt: skip
            said = machine.execute("sh", "-c", command.replace("needle", needle)).stdout
            if needle in said.replace(f"-- {needle}", ""):
                found.append(command)
    return found


def test_log_bundle_helps_and_holds_no_secret(started: Machine, tmp_path: Path) -> None:
    key = started.execute(
        "sh", "-c", "set -a && . /etc/whisper/whisper.env && cd /var/lib/whisper && "
        "PYTHONPATH=/opt/whisper/current setpriv --reuid=whisper --regid=whisper --clear-groups -- "
        "/opt/whisper/current/venv/bin/python -m service_app keys add bundle-test",
    ).stdout.strip()  # fmt: skip
    with started.path("/var/log/whisper/app.log").open("a") as log:
        log.write(f"Authorization: Bearer {key}\n")
    printed = operated(started, "collect-logs").strip().splitlines()[-1]
    with tarfile.open(started.path(printed)) as bundle:
        bundle.extractall(tmp_path, filter="data")
    everything = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert "$argon2id$" not in everything
    assert key not in everything
    assert "WHISPER_ADMIN_PASSWORD_HASH='****'" in everything
    for part in ("every device answers", "whisper-proxy.service", "table inet whisper", "127.0.0.1:7860"):
        assert part in everything, part
    assert started.execute("stat", "-c", "%U %a", printed).stdout.strip() == "root 600"


def test_health_report_tells_what_an_operator_asks_first(started: Machine) -> None:
    report = operated(started, "health-report")
    for part in ('"ready":true', "whisper.service", "whisper-proxy.service", "== disk\n", "issuer=", "notAfter="):
        assert part in report, report


def test_another_password_ends_every_session(started: Machine) -> None:
    """By what an operator types on the instance, and back by what the console's operation does: the same startup
    command with another password. Keys, jobs and other users stay."""
    changed = "Another-Secret-4410"
    bob = ("bob", "Correct-horse-2")
    account = {"name": bob[0], "password": bob[1]}
    api(started, "/api/users", "-H", "Content-Type: application/json", "-d", json.dumps(account))
    key = str(api(started, "/api/keys", "-H", "Content-Type: application/json", "-d", '{"name": "kept"}')["key"])
    jobs = jobs_of(started, PASSWORD)
    assert jobs

    other = session(started, *bob)

    def only_now(password: str, former: str, ended: tuple[str, ...]) -> None:
        wait_until(lambda: status(started, "-u", f"{USER}:{password}") == "200", 30, "the new one holds")
        assert status(started, "-u", f"{USER}:{former}") == "401"
        assert status(started, *ended) == "401"
        assert status(started, *other) == "200"
        assert status(started, "-H", f"Authorization: Bearer {key}") == "200"
        assert jobs <= jobs_of(started, password)

    ended = session(started, USER, PASSWORD)
    typed = "script -qec /opt/whisper/current/scripts/set-password.sh /dev/null"
    said = started.execute("sh", "-c", typed, text_in=f"{changed}\n{changed}\n").stdout
    assert "the password was changed" in said
    only_now(changed, PASSWORD, ended)
    ended = session(started, USER, changed)
    assert start(started).returncode == 0
    only_now(PASSWORD, changed, ended)
    assert [trace for secret in (changed, PASSWORD) for trace in traces(started, secret)] == []


def session(machine: Machine, user: str, password: str) -> tuple[str, ...]:
    """Logs in as the page does; curl's options for the session."""
    form = ("--data-urlencode", f"username={user}", "--data-urlencode", f"password={password}")
    said = machine.outside_execute(
        "curl", "-sk", "-D", "-", "-o", "/dev/null", *form, f"https://{ADDRESS}/login"
    ).stdout
    cookie = re.search(r"(?im)^set-cookie: ([^;\r\n]+)", said)
    assert cookie, said
    options = ("-H", f"Cookie: {cookie[1]}")
    assert status(machine, *options) == "200"
    return options


def status(machine: Machine, *options: str) -> str:
    asks = ("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", *options, f"https://{ADDRESS}/api/me")
    return machine.outside_execute(*asks).stdout


def jobs_of(machine: Machine, password: str) -> set[str]:
    said = machine.outside_execute("curl", "-sk", "-u", f"{USER}:{password}", f"https://{ADDRESS}/api/jobs").stdout
    return {job["id"] for job in json.loads(said)["jobs"]}


@pytest.mark.parametrize("text", ["!!!", "c2hvcnQ=", "dHdvIGxpbmVzCm9mIHRleHQ="])
def test_a_bad_password_is_refused(started: Machine, text: str) -> None:
    done = started.execute("bash", "/opt/whisper/current/scripts/set-password.sh", text_in=text, check=False)
    assert done.returncode == 1
    assert "密码" in done.stdout


def test_a_taken_over_proxy_cannot_make_root_write_elsewhere(started: Machine) -> None:
    """The proxy's user swaps its key for a link to a file of root and calls for another certificate."""
    started.path("/etc/precious").write_text("precious\n")
    swap = "cd /var/lib/whisper-proxy/self-signed && ln -sf /etc/precious key.pem && echo another >name"
    as_proxy = ("setpriv", "--reuid=whisper-proxy", "--regid=whisper-proxy", "--clear-groups", "--")
    started.execute(*as_proxy, "sh", "-c", swap)
    started.execute("systemctl", "start", "whisper-address.service")
    assert started.path("/etc/precious").read_text() == "precious\n"
    assert started.execute("stat", "-c", "%U", "/etc/precious").stdout.strip() == "root"
    key = "/var/lib/whisper-proxy/self-signed/key.pem"
    assert started.execute("stat", "-c", "%F %U %a", key).stdout.strip() == "regular file whisper-proxy 600"
    served = (
        "curl",
        "-s",
        "-m",
        "5",
        "--cacert",
        started.path(key).with_name("cert.pem"),
        f"https://{ADDRESS}/healthz",
    )
    wait_until(lambda: started.outside_execute(*served, check=False).returncode == 0, 60, "the new one is served")
