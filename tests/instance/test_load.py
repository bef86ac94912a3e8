"""What a bad network does: huge uploads, and clients that never come to an end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.instance.conftest import PASSWORD, USER
from tests.instance.machine import Machine, wait_until

CLIENTS = 150
# Opens so many TLS connections, sends the beginning of a request on each and no more; prints how many the server has
# closed each time it is asked by a line.
SLOW = f"""
import select, socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
clients = []
for number in range({CLIENTS}):
    client = context.wrap_socket(socket.create_connection((sys.argv[1], 443)))
    client.sendall(b"GET /login HTTP/1.1\\r\\nHost: x\\r\\nX-Slow: ")
    clients.append(client)
print("open", flush=True)
for _ in sys.stdin:
    readable = select.select(clients, [], [], 0)[0]
    print(len(readable), flush=True)
"""


@pytest.fixture(scope="module")
def slow(started: Machine) -> Iterator[subprocess.Popen[str]]:
    """Clients that have begun a request and send nothing more."""
    command = ("ip", "netns", "exec", started.outside, sys.executable, "-c", SLOW, started.public_address)
    clients = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert clients.stdin and clients.stdout
    assert clients.stdout.readline() == "open\n"
    yield clients
    clients.stdin.close()
    clients.wait(10)
    clients.stdout.close()


def peak_mb(machine: Machine, name: str) -> float:
    """Most memory that any process of this name has had since the peak was set back, in MiB."""
    pids = machine.execute("pgrep", "-f", name).stdout.split()
    peaks = [machine.execute("grep", "VmHWM", f"/proc/{pid}/status").stdout.split()[1] for pid in pids]
    return max(map(int, peaks)) / 1024


def test_two_gigabytes_pass_through_without_filling_the_memory(started: Machine, slow: subprocess.Popen[str]) -> None:
    """Beside slow clients, who must not be in its way."""
    names = ("service_app serve", "caddy run")
    for name in names:
        started.execute("sh", "-c", f"for pid in $(pgrep -f '{name}'); do echo 5 >/proc/$pid/clear_refs; done")
    before = {name: peak_mb(started, name) for name in names}
    file = started.folder / "two-gigabytes.wav"
    with file.open("wb") as sparse:
        sparse.truncate(2 * 1024**3 - 1)
    url = f"https://{started.public_address}/api/jobs"
    done = started.outside_execute(  # by HTTP/1.1, as programs upload; the page sends pieces
        "curl", "-sk", "--http1.1", "-m", "200", "-u", f"{USER}:{PASSWORD}", "-F", f"file=@{file}", url, timeout=210
    )
    answer = json.loads(done.stdout)
    assert "id" in answer, answer
    for name in names:
        assert peak_mb(started, name) - before[name] < 150, name
    job = f"https://{started.public_address}/api/jobs/{answer['id']}"
    started.outside_execute("curl", "-sk", "-u", f"{USER}:{PASSWORD}", "-X", "DELETE", job)
    file.unlink()


def test_slow_clients_hold_nobody_up_and_are_sent_away(started: Machine, slow: subprocess.Popen[str]) -> None:
    assert slow.stdin and slow.stdout
    page = started.outside_execute("curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}",
                                   f"https://{started.public_address}/login")  # fmt: skip
    assert page.stdout == "200"
    # A stranger's upload is refused by its head, while its body of twenty seconds comes. (curl sends 64 KiB at once,
    # then reads nothing until they have taken their time.)
    stranger = started.outside_execute(
        "curl", "-sk", "-m", "15", "-o", "/dev/null", "-w", "%{http_code}", "--limit-rate", "60k",
        "-F", "file=@/bin/bash", f"https://{started.public_address}/api/jobs", check=False,
    )  # fmt: skip
    assert stranger.stdout == "401"

    def closed() -> int:
        assert slow.stdin and slow.stdout
        slow.stdin.write("\n")
        slow.stdin.flush()
        return int(slow.stdout.readline())

    wait_until(lambda: closed() == CLIENTS, 30, "the proxy has closed them all", every=0.5)
