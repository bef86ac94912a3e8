from __future__ import annotations

import pytest

from deploy.catalog import ROOT
from deploy.parameter_table import to_markdown

from .options import CLUSTER, SINGLE, document


@pytest.mark.parametrize(
    ("name", "file", "word"), [(SINGLE, "parameters.md", ""), (CLUSTER, "parameters-cluster.md", " cluster")]
)
def test_the_page_is_made_from_the_template(name: str, file: str, word: str) -> None:
    page = (ROOT / "docs" / file).read_text(encoding="utf-8")
    assert page == to_markdown(document(name), name), f"run: python -m deploy.parameter_table{word} > docs/{file}"


def test_it_has_every_parameter_in_both_languages() -> None:
    chinese, english = to_markdown(document()).split("## English")
    for name, declared in document()["Parameters"].items():
        assert f"| `{name}` | {declared['Label']['zh-cn']} |" in chinese
        assert f"| `{name}` | {declared['Label']['en']} |" in english
    assert "| `PayPeriod` | Period | " in english
    assert "`PayType` = `PrePaid` |" in english


def test_texts_are_shown_as_they_are() -> None:
    page = to_markdown(document())
    assert "`EncryptSystemDisk` = `true` |" in page
    assert "`PackageUrl` ≠ `''` |" in page
    assert r"()\`\~!@#$%^&\*\_-+=\|{}\[\]:;'\<\>,.?/" in page
