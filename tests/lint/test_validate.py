"""python -m deploy validate, as a user meets it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import run

from .support import BASE, check


def validate(*words: str, lang: str = "") -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    code = run(["validate", *words], stdin=io.StringIO(), stdout=stdout, stderr=stderr, environ={"LANG": lang})
    return code, stdout.getvalue(), stderr.getvalue()


@pytest.fixture
def clean(tmp_path: Path) -> str:
    file = tmp_path / "clean.yaml"
    file.write_text(BASE, encoding="utf-8")
    return str(file)


@pytest.fixture
def faulty(tmp_path: Path) -> str:
    file = tmp_path / "faulty.yaml"
    file.write_text(BASE.replace("DependsOn: Group", "DependsOn: Grup"), encoding="utf-8")
    return str(file)


def test_a_clean_file(clean: str) -> None:
    assert validate(clean) == (0, "", "1 file: 0 errors, 0 warnings\n")


def test_findings_go_to_standard_output_one_a_line(clean: str, faulty: str) -> None:
    line = BASE[: BASE.index("DependsOn: Group")].count("\n") + 1
    code, stdout, stderr = validate(clean, faulty)
    assert code == 1
    assert (
        stdout == f"{faulty}:{line}:16 error WCN405 DependsOn names Grup, which is no resource; did you mean Group?\n"
    )
    assert stderr == "2 files: 1 error, 0 warnings\n"


@pytest.mark.parametrize(("words", "lang"), [(("--lang", "zh"), "en_US.UTF-8"), ((), "zh_CN.UTF-8")])
def test_chinese_by_option_or_locale(faulty: str, words: tuple[str, ...], lang: str) -> None:
    code, stdout, stderr = validate(faulty, *words, lang=lang)
    assert code == 1
    assert stdout.endswith("WCN405 DependsOn 引用了不存在的资源 Grup；是否想写 Group？\n")
    assert stderr == "1 个文件：1 个错误，0 个警告\n"


def test_json_has_both_languages(faulty: str) -> None:
    code, stdout, stderr = validate(faulty, "--json")
    data = json.loads(stdout)["data"]
    assert (code, stderr, data["clean"], data["errors"]) == (1, "", False, 1)
    [finding] = data["findings"]
    assert set(finding) == {"code", "severity", "file", "line", "column", "message"}
    assert set(finding["message"]) == {"en", "zh"}


def test_a_note_alone_is_clean(tmp_path: Path) -> None:
    file = tmp_path / "note.yaml"
    file.write_text(
        "ROSTemplateFormatVersion: '2015-09-01'\nResources: {A: {Type: 'ALIYUN::EHPC::Cluster'}}\n", encoding="utf-8"
    )
    code, stdout, _ = validate(str(file))
    assert code == 0
    assert "note WCN303" in stdout


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    assert validate(str(missing)) == (
        2,
        "",
        f"error: {missing}: cannot be read (No such file or directory); give the path of a template\n",
    )
    assert validate(str(tmp_path))[0] == 2
    (tmp_path / "latin.yaml").write_bytes("Description: Grüße".encode("latin-1"))
    code, _, stderr = validate(str(tmp_path / "latin.yaml"))
    assert code == 2
    assert "not UTF-8 (byte 15); save it as UTF-8" in stderr


def test_a_byte_order_mark_does_not_shift_columns(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfNonsense: 1\n")
    assert f"{file}:1:1 error WCN106" in validate(str(file))[1]


def test_a_template_cannot_write_on_the_terminal() -> None:
    text = "ROSTemplateFormatVersion: '2015-09-01'\nResources:\n  A: {Type: \"ALIYUN::\\e[2J\\u202E三　月\"}\n"
    [finding] = check(text)
    assert "ALIYUN::\\x1b[2J\\u202e三" in finding.message("en")
    assert "\x1b" not in finding.render("zh")


def test_help_needs_no_yaml() -> None:
    script = (
        "import sys; from deploy.options import parser; parser(); print({'yaml', 'deploy.lint'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
