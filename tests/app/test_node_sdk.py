"""The official Node SDK, taken from the npm registry into .cache once."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from .conftest import ROOT, Server

SDK = "openai@7.57.0"
CACHE = ROOT / ".cache" / "node"


def test_the_node_sdk(server: Server, key: str) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    if not (CACHE / "node_modules" / "openai").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(CACHE), SDK]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if fetched.returncode:
            pytest.skip(f"npm cannot fetch {SDK}: {fetched.stderr.strip().splitlines()[-1:]}")
    # Modules are looked for beside the script.
    script = shutil.copy(ROOT / "tests" / "app" / "contract.mjs", CACHE)
    ran = subprocess.run([node, script, server.url, key], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, "ok\n"), ran.stderr
