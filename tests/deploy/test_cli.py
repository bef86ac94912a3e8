"""python -m deploy as a process: what it imports, what it prints where, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import run
from deploy.options import VERBS
from deploy.reference import FILES, reference

ROOT = Path(__file__).parents[2]
HEAVY = {
    "alibabacloud_ros20190910", "alibabacloud_tea_openapi", "alibabacloud_credentials", "Tea", "darabonba", "argon2",
    "fastapi", "gradio", "jinja2", "numpy", "pydantic", "requests", "rich", "yaml",
}  # fmt: skip
PASSWORD = "Correct-Horse-9"


def deploy(words: str, home: Path, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "TMPDIR": str(home),
        **environ,
    }
    return subprocess.run(
        [sys.executable, "-m", "deploy", *words.split()],
        input=stdin, capture_output=True, text=True, cwd=home, env=environment, check=False,
    )  # fmt: skip


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from deploy.cli import run\n"
        "try:\n    run(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    for words in (["--help"], ["create", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, cwd=ROOT
        )  # fmt: skip
        assert "usage: python -m deploy" in done.stdout
        assert {name.partition(".")[0] for name in done.stderr.split()} & HEAVY == set()


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = deploy("--help", tmp_path)
    assert done.returncode == 0
    for verb, (purpose, _) in VERBS.items():
        assert f" {verb} {purpose} " in f"{' '.join(done.stdout.split())} "


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ("", 2, "error: the following arguments are required: COMMAND; see: python -m deploy --help"),
        ("create", 2, "error: missing: --spec --password-stdin --region --zone --client-cidr; "
                      "see: python -m deploy create --help"),
        ("create --spec nope --local --generate-password", 2, "error: --spec nope: no such spec; choose one of"),
        ("list --region mars", 2, "error: --region mars: no such region here; choose one of"),
        ("list", 2, "error: missing: --region; give --region cn-hangzhou, or use --local"),
        ("list --region cn-hangzhou --endpoint ftp://x", 2, "error: --endpoint 'ftp://x': not a host"),
        ("list --region cn-hangzhou", 1, "error: no Alibaba Cloud credentials: looked at ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ("list --region cn-hangzhou --profile work", 1, "error: --profile work: not usable in ~/.aliyun/config.json"),
        ("status --local --state-dir nowhere", 1, "error: no local target answers for"),
        ("render --check --out .", 1, "error: not fresh: single.yaml, cluster.yaml; run: python -m deploy render"),
        ("render --out /proc/nowhere", 1, "error: /proc/nowhere/single.yaml: cannot be written"),
        ("create --spec c16g1 --local --generate-password --state-dir /proc/nowhere", 1,
         "error: /proc/nowhere: cannot keep state here"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, words: str, code: int, line: str) -> None:
    done = deploy(words, tmp_path)
    assert done.stderr.startswith(line), done.stderr
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (code, "")


def test_with_json_a_mistake_is_an_envelope(tmp_path: Path) -> None:
    done = deploy("create --json --local", tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout) == {
        "version": 1,
        "command": "create",
        "status": "error",
        "error": {
            "code": "Missing",
            "message": "missing: --spec --password-stdin",
            "remedy": "see: python -m deploy create --help",
        },
    }


def test_no_stacks_here_needs_no_target(tmp_path: Path) -> None:
    done = deploy("list --local --json", tmp_path)
    assert json.loads(done.stdout)["data"] == {"stacks": []}
    assert not (tmp_path / ".local").exists()


def test_render_writes_what_check_finds_fresh(tmp_path: Path) -> None:
    assert deploy("render --out made", tmp_path).returncode == 0
    assert deploy("render --check --out made", tmp_path).returncode == 0
    assert (tmp_path / "made/single.yaml").read_bytes() == (ROOT / "ros_templates/single.yaml").read_bytes()


def test_a_weak_password_is_told_and_never_shown(tmp_path: Path) -> None:
    done = deploy("create --spec c16g1 --local --password-stdin", tmp_path, stdin="hunter22hunter\n")
    assert done.returncode == 2
    assert done.stderr.startswith("error: software password is too weak: it needs 1 more of: upper case, a symbol")
    assert "hunter22" not in done.stdout + done.stderr


def test_a_bug_leaves_its_traceback_in_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def isatty(self) -> bool:
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    err = io.StringIO()
    assert run(["specs"], stdin=io.StringIO(), stdout=Broken(), stderr=err, environ={}) == 3
    (log,) = tmp_path.glob("whisper-deploy-specs-*.log")
    assert err.getvalue() == f"error: this is a bug in the program; please report it with {log}\n"
    assert "ZeroDivisionError: a bug" in log.read_text()


@pytest.mark.parametrize("language", FILES)
def test_the_reference_is_what_the_program_takes(language: str) -> None:
    assert FILES[language].read_text(encoding="utf-8") == reference(language), "run: python -m deploy.reference"
