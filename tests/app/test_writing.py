"""How text is written: letters and punctuation by fixed rules, words with their times."""

from __future__ import annotations

import pytest

from service_app.types import Options, Punctuation, Script, Segment, Word
from service_app.writing import written


def said(text: str, language: str = "zh", **options: object) -> str:
    (segment,) = written([Segment(0, 1, text)], language, Options(**options))  # type: ignore[arg-type]
    return segment.text


@pytest.mark.parametrize(
    ("script", "given", "expected"),
    [
        ("hans", "我們在臺灣裡面發展，頭髮乾了。", "我们在台湾里面发展，头发干了。"),
        ("hans", "简体照旧，ABC 123。", "简体照旧，ABC 123。"),
        ("hant", "我们在台湾里面发展，皇后在后面。", "我們在臺灣裡面發展，皇后在後面。"),
        ("hant", "面条很好吃", "麵條很好吃"),
    ],
)
def test_simplified_and_traditional(script: Script, given: str, expected: str) -> None:
    assert said(given, script=script) == expected
    assert said(given, script=None) == given


def test_letters_of_other_languages_stay() -> None:
    assert said("日本語の発展と國語", "ja", script="hans", punctuation="full") == "日本語の発展と國語"
    assert said(" a translation of 國語", "zh", script="hans", task="translate") == " a translation of 國語"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("你好, 世界.再见!", "你好，世界。再见！"),
        ("他说:好的;走吧?", "他说：好的；走吧？"),
        ("我用ChatGPT, 版本3.5, 很好.", "我用ChatGPT，版本3.5，很好。"),
        ("价格是1,000元, 时间10:30.", "价格是1,000元，时间10:30。"),
        ("访问 https://example.com/a?b=1 看看", "访问 https://example.com/a?b=1 看看"),
        ("等等...好吧", "等等……好吧"),
        ('他说"你好"然后走了', "他说“你好”然后走了"),
        ("苹果(红的)很甜", "苹果（红的）很甜"),
        ("已经是全角，没有变化。", "已经是全角，没有变化。"),
        ("没有标点的话不会加上标点", "没有标点的话不会加上标点"),
        ("Only English, here. OK?", "Only English, here. OK?"),
        ("", ""),
    ],
)
def test_full_width_punctuation(given: str, expected: str) -> None:
    assert said(given, punctuation="full") == expected


@pytest.mark.parametrize(
    ("language", "given", "expected"),
    [
        ("zh", "今天，天气很好。", "今天 天气很好 "),
        ("zh", "等等……好吧！", "等等 好吧 "),
        ("zh", "价格是1,000元，3.5折，《红楼梦》。", "价格是1,000元 3.5折 《红楼梦》 "),
        ("en", " Ever tried. Ever failed.", " Ever tried Ever failed"),
        ("en", " It's 3.5, isn't it?", " It's 3.5 isn't it"),
    ],
)
def test_without_stops(language: str, given: str, expected: str) -> None:
    assert said(given, language, punctuation="none") == expected


@pytest.mark.parametrize("punctuation", ["keep", "full", "none"])
def test_words_stay_the_text(punctuation: Punctuation) -> None:
    """Whatever is done to the text, its words say the same, at their times."""
    texts = ("头发", "干", "了", ", ", "皇后", "说", ": ", "发展", "。")
    words = tuple(Word(number, number + 1, text, 0.9) for number, text in enumerate(texts))
    options = Options(script="hant", punctuation=punctuation)
    (segment,) = written([Segment(0, 9, "".join(texts), words=words)], "zh", options)
    spoken = [word.text.strip() for word in segment.words]
    assert "".join(spoken) == segment.text.replace(" ", "")
    assert spoken[0] == "頭髮", "a word is written as the sentence wants it"
    assert next(word for word in segment.words if "皇后" in word.text).start == 4


def test_again_is_the_same() -> None:
    for options in (Options(script="hans", punctuation="full"), Options(script="hans", punctuation="none")):
        once = written([Segment(0, 1, "我們說:好, 走.")], "zh", options)
        assert written(once, "zh", options) == once
