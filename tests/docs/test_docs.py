"""The documents are complete, equal in both languages, fresh, and what they tell to type exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from deploy.errors import Usage
from deploy.options import VERBS, parser
from deploy.options.computenest import IMAGE, SERVICE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LANGUAGES = ("zh", "en")
PAGES = ("customer", "provider", "operator", "specs", "errors")
_COMMAND = re.compile(r"python -m deploy ([^`\n|]+)")


def load(path: Path) -> ModuleType:
    """A script that is no module of a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(language: str, name: str) -> str:
    return (DOCS / language / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["docs/tables.py", "assets/make.py"])
def test_what_is_generated_is_fresh(script: str) -> None:
    done = subprocess.run([sys.executable, str(ROOT / script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    assert "登录地址" in (tmp_path / "site/zh/customer.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_picture_of_the_page_is_shown_in_its_language(language: str) -> None:
    taken = {picture.name for picture in (DOCS / "images" / language).glob("*.png")}
    assert set(re.findall(rf"\(\.\./images/{language}/([^)]+)\)", page(language, "customer"))) == taken != set()


@pytest.mark.parametrize("name", PAGES)
def test_both_languages_have_the_same_parts(name: str) -> None:
    outlines = [[len(marks) for marks in re.findall(r"^(#+) ", page(lang, name), re.MULTILINE)] for lang in LANGUAGES]
    assert outlines[0] == outlines[1]
    tables = [len(re.findall(r"^\|", page(lang, name), re.MULTILINE)) for lang in LANGUAGES]
    assert tables[0] == tables[1]
    typed = [[shlex.split(c)[:2] for c in _COMMAND.findall(page(lang, name))] for lang in LANGUAGES]
    assert typed[0] == typed[1]


PLACES = ("…", "<", "COMMAND", "NAME")  # what a reader fills in: not to be typed as it stands


def test_every_command_can_be_typed() -> None:
    pages = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted(DOCS.rglob("*.md"))]
    typed = {path: _COMMAND.findall(path.read_text(encoding="utf-8")) for path in pages}
    for name in ("customer", "provider", "operator"):
        assert all(typed[DOCS / language / f"{name}.md"] for language in LANGUAGES)
    for path, commands in typed.items():
        for command in commands:
            words = shlex.split(command.partition("  ")[0].rstrip(".,，。:："), comments=True)
            named_only = words[:1] == words and words[0] in VERBS
            if not named_only and not any(place in command for place in PLACES):
                try:
                    parser().parse_args(words)
                except Usage as usage:
                    raise AssertionError(f"{path}: {command}: {usage}") from None


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_code_is_missing(language: str) -> None:
    tables, text = load(DOCS / "tables.py"), page(language, "errors")
    codes = {row[0] for row in [*tables.startup_codes(), *tables.app_codes()]}
    assert {"gate", "no_release", "disk_full"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []
    # What the scripts can signal, found in another way.
    said = set()
    for path in [*(ROOT / "scripts").glob("*.sh"), ROOT / "ros_templates/src/startup.sh"]:
        said |= set(re.findall(r'\bfail ([a-z_]+) "', path.read_text(encoding="utf-8")))
    assert [code for code in sorted(said) if f"`{code}`" not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_spec_package_and_region_is_told(language: str) -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    specs, customer = page(language, "specs"), page(language, "customer")
    for key in ("Specs", "Regions"):
        assert [item["Id"] for item in config["Catalog"][key] if f"`{item['Id']}`" not in specs] == []
    for template in config["Service"]["DeployMetadata"]["TemplateConfigs"]:
        assert [p["Name"] for p in template["PredefinedParameters"] if p["Name"] not in customer] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_parameter_setting_and_command_is_told(language: str) -> None:
    from service_app.settings import Settings

    for template in sorted((ROOT / "ros_templates").glob("*.yaml")):
        name = "parameters.md" if template.stem == "single" else f"parameters-{template.stem}.md"
        chinese, english = (DOCS / name).read_text(encoding="utf-8").split("\n## English\n")
        told = chinese if language == "zh" else english
        parameters = yaml.safe_load(template.read_text(encoding="utf-8"))["Parameters"]
        assert [key for key in parameters if f"| `{key}` |" not in told] == []
    rows = [
        row.split(" | ")
        for row in (DOCS / "settings.md").read_text(encoding="utf-8").splitlines()
        if "`WHISPER_" in row
    ]
    meaning = {row[0].strip("| `"): row[3 if language == "zh" else 2].strip("| ") for row in rows}
    names = [f"WHISPER_{name.upper()}" for name in Settings.__dataclass_fields__]
    assert [name for name in names if not meaning.get(name)] == []
    assert all(bool(re.search("[\u4e00-\u9fff]", text)) == (language == "zh") for text in meaning.values())
    told = (DOCS / ("cli.zh-CN.md" if language == "zh" else "cli.md")).read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"\n## {verb}\n" not in told] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_troubleshooting_quotes_what_is_really_said(language: str) -> None:
    """`code \\| text` of a failed start, its second text (English) behind the first."""
    said = {(code, zh if language == "zh" else en) for code, zh, en in load(DOCS / "tables.py").startup_codes()}
    rows = re.findall(r"^\| `([a-z_]+) \\\| (?:… \\\| )?([^`]+)`", page(language, "customer"), re.MULTILINE)
    assert len(rows) >= 5
    unreal = [row for row in rows if row[1] != "…" and not any(c == row[0] and t.startswith(row[1]) for c, t in said)]
    assert unreal == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_of_the_provider_is_told(language: str) -> None:
    text = page(language, "provider")
    missing = [action for action in SERVICE if f"`{action}`" not in text and f"service {action}" not in text]
    missing += [action for action in IMAGE if f"image {action}" not in text]
    assert [action for action in missing if action not in ("status", "versions")] == []


def test_the_regions_of_the_service_are_the_catalog_s() -> None:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    regions = [region["Id"] for region in config["Catalog"]["Regions"]]
    for template in config["Service"]["DeployMetadata"]["TemplateConfigs"]:
        assert template["AllowedRegions"] == regions == config["Artifact"]["Artifact_Image"]["SupportRegionIds"]


def test_the_tests_that_the_security_review_names_are_there() -> None:
    table = (DOCS / "security-review.md").read_text(encoding="utf-8").partition("## 应用 / The app")[2]
    rows = re.findall(r"^\|([^|]+)\|(.*)\|$", table, re.MULTILINE)[2:]
    subjects = [subject for subject, tests in rows if not tests.strip()]
    assert (len(subjects), len(rows) > 35) == (6, True)
    for subject, tests in rows:
        source, found = "", 0
        for word in re.findall(r"`([^`]+)`", tests):
            if word.endswith(".py"):
                source = (ROOT / "tests" / word).read_text(encoding="utf-8")
            else:
                assert f"\ndef {word}(" in source, f"{subject}: {word}"
                found += 1
        assert found or subject in subjects, subject


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_links_of_the_readme_lead_somewhere(name: str) -> None:
    """Those of docs/ are mkdocs's to check."""
    targets = re.findall(r"\]\(([^)\s#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []
