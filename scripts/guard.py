"""guard.py COMMAND... : main process of whisper.service. Runs the command and ends as it ends.

It stands between systemd and the app because a program that hangs cannot be trusted to say so:

- tells systemd READY as soon as the app answers `/healthz`, then keeps systemd's watchdog fed;
- an app that stops answering for HANG_SECONDS is told to write its stacks to the log (SIGABRT) and is killed; systemd
  then starts it again, and running jobs go on where they were;
- an app that ended several times in ten minutes is started after a growing pause (2 s to 1 min), so that a lasting
  fault (a full disk, a lost graphics card) costs neither the processor nor the log.

Any HTTP answer counts as alive: what is wrong behind it, `/readyz` and `/metrics` tell, and a restart would not mend.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HANG_SECONDS = float(os.environ.get("WHISPER_HANG_SECONDS") or 60)
LOOK_SECONDS = 2.0
CALM_STARTS = 3  # so many starts within REMEMBER_SECONDS cost no pause
REMEMBER_SECONDS = 600.0
LONGEST_PAUSE = 60.0


def pause(starts: list[float], now: float) -> float:
    """Seconds to wait before the next start, after starts at these times."""
    recent = sum(1 for start in starts if 0 <= now - start < REMEMBER_SECONDS)
    return 0.0 if recent < CALM_STARTS else float(min(2 ** (recent - CALM_STARTS + 1), LONGEST_PAUSE))


def notify(text: str) -> None:
    """Sends systemd a message (sd_notify(3)); without systemd, nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)


def answers(host: str, port: str, seconds: float) -> bool:
    try:
        connection = http.client.HTTPConnection(f"{host}:{port}", timeout=seconds)
    except http.client.InvalidURL:
        return False
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read(1024)
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def wait_for_turn() -> None:
    """Sleeps out the pause that the last starts call for, and notes this start."""
    notes = Path(os.environ.get("RUNTIME_DIRECTORY", "/nonexistent")) / "starts"
    starts: list[float] = []
    with contextlib.suppress(OSError, ValueError):
        starts = [float(line) for line in notes.read_text().split()][-20:]
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    seconds = pause(starts, now)
    if seconds:
        say(f"ended {len(starts)} times lately; next start in {seconds:.0f} s")
        notify(f"STATUS=waits {seconds:.0f} s before the next start\nEXTEND_TIMEOUT_USEC={int((seconds + 60) * 1e6)}")
        time.sleep(seconds)
    with contextlib.suppress(OSError):
        notes.write_text("".join(f"{start}\n" for start in [*starts, now]))


def watch(app: subprocess.Popen[bytes], host: str, port: str) -> int:
    """Returns the app's exit code; a hanging app is ended."""
    ready, last_answer = False, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = app.wait(LOOK_SECONDS if ready else 0.1)
            say(f"the app ended with {code}")
            return code if code >= 0 else 128 - code
        notify("WATCHDOG=1")  # of this process: whether the app answers is judged here
        if answers(host, port, LOOK_SECONDS):
            last_answer = time.monotonic()
            if not ready:
                ready = True
                notify("READY=1\nSTATUS=answers")
        elif ready and time.monotonic() - last_answer > HANG_SECONDS:
            say(f"the app has not answered for {HANG_SECONDS:.0f} s; it is ended, its stacks follow")
            app.send_signal(signal.SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                app.wait(3)
            app.kill()
            app.wait()
            return 1


def say(text: str) -> None:
    sys.stderr.write(f"guard: {text}\n")
    sys.stderr.flush()


def main(command: list[str]) -> int:
    host = os.environ.get("WHISPER_HOST", "127.0.0.1")
    port = os.environ.get("WHISPER_PORT", "7860")  # the app says what is wrong with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    wait_for_turn()
    hidden = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    app = subprocess.Popen(command, env=environment)
    signal.signal(signal.SIGTERM, lambda *_: app.terminate())
    return watch(app, host, port)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
