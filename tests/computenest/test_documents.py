"""The customer's page stands alone where the console shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.computenest.documents import Page
from deploy.errors import Failure

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_in_it_points_to_files_beside_it(language: str) -> None:
    path = ROOT / "docs" / language / "customer.md"
    page = Page(path)
    assert page.pictures
    text = page.alone({picture: f"https://oss/{picture.name}" for picture in page.pictures})
    assert all(target.startswith(("https://", "#")) for target in re.findall(r"\]\(([^)\s]+)\)", text))
    assert text.count("![") == len(page.pictures)


def test_links_go_to_the_site_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "docs/zh/customer.md"
    path.parent.mkdir(parents=True)
    path.write_text(
        "[设置](../settings.md#a) [规格](specs.md) [外部](https://example.com) [此处](#b)", encoding="utf-8"
    )
    assert Page(path).alone({}) == "设置 规格 [外部](https://example.com) [此处](#b)"
    assert Page(path, "https://docs.example.com/").alone({}) == (
        "[设置](https://docs.example.com/settings.html#a) [规格](https://docs.example.com/zh/specs.html) "
        "[外部](https://example.com) [此处](#b)"
    )


def test_a_missing_picture_is_said(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("![x](gone.png)")
    with pytest.raises(Failure, match=r"gone\.png: does not exist"):
        Page(path)
