"""The languages that Whisper knows: ISO 639-1 code (as openai-whisper spells it), English name, Chinese name.

The order is openai-whisper's own (tokenizer.py, LANGUAGES): by hours of training data, so the best known come first.
"""

from __future__ import annotations

from typing import Final

from .errors import BadRequest

LANGUAGES: Final[dict[str, tuple[str, str]]] = {
    "en": ("english", "英语"),
    "zh": ("chinese", "中文"),
    "de": ("german", "德语"),
    "es": ("spanish", "西班牙语"),
    "ru": ("russian", "俄语"),
    "ko": ("korean", "韩语"),
    "fr": ("french", "法语"),
    "ja": ("japanese", "日语"),
    "pt": ("portuguese", "葡萄牙语"),
    "tr": ("turkish", "土耳其语"),
    "pl": ("polish", "波兰语"),
    "ca": ("catalan", "加泰罗尼亚语"),
    "nl": ("dutch", "荷兰语"),
    "ar": ("arabic", "阿拉伯语"),
    "sv": ("swedish", "瑞典语"),
    "it": ("italian", "意大利语"),
    "id": ("indonesian", "印度尼西亚语"),
    "hi": ("hindi", "印地语"),
    "fi": ("finnish", "芬兰语"),
    "vi": ("vietnamese", "越南语"),
    "he": ("hebrew", "希伯来语"),
    "uk": ("ukrainian", "乌克兰语"),
    "el": ("greek", "希腊语"),
    "ms": ("malay", "马来语"),
    "cs": ("czech", "捷克语"),
    "ro": ("romanian", "罗马尼亚语"),
    "da": ("danish", "丹麦语"),
    "hu": ("hungarian", "匈牙利语"),
    "ta": ("tamil", "泰米尔语"),
    "no": ("norwegian", "挪威语"),
    "th": ("thai", "泰语"),
    "ur": ("urdu", "乌尔都语"),
    "hr": ("croatian", "克罗地亚语"),
    "bg": ("bulgarian", "保加利亚语"),
    "lt": ("lithuanian", "立陶宛语"),
    "la": ("latin", "拉丁语"),
    "mi": ("maori", "毛利语"),
    "ml": ("malayalam", "马拉雅拉姆语"),
    "cy": ("welsh", "威尔士语"),
    "sk": ("slovak", "斯洛伐克语"),
    "te": ("telugu", "泰卢固语"),
    "fa": ("persian", "波斯语"),
    "lv": ("latvian", "拉脱维亚语"),
    "bn": ("bengali", "孟加拉语"),
    "sr": ("serbian", "塞尔维亚语"),
    "az": ("azerbaijani", "阿塞拜疆语"),
    "sl": ("slovenian", "斯洛文尼亚语"),
    "kn": ("kannada", "卡纳达语"),
    "et": ("estonian", "爱沙尼亚语"),
    "mk": ("macedonian", "马其顿语"),
    "br": ("breton", "布列塔尼语"),
    "eu": ("basque", "巴斯克语"),
    "is": ("icelandic", "冰岛语"),
    "hy": ("armenian", "亚美尼亚语"),
    "ne": ("nepali", "尼泊尔语"),
    "mn": ("mongolian", "蒙古语"),
    "bs": ("bosnian", "波斯尼亚语"),
    "kk": ("kazakh", "哈萨克语"),
    "sq": ("albanian", "阿尔巴尼亚语"),
    "sw": ("swahili", "斯瓦希里语"),
    "gl": ("galician", "加利西亚语"),
    "mr": ("marathi", "马拉地语"),
    "pa": ("punjabi", "旁遮普语"),
    "si": ("sinhala", "僧伽罗语"),
    "km": ("khmer", "高棉语"),
    "sn": ("shona", "绍纳语"),
    "yo": ("yoruba", "约鲁巴语"),
    "so": ("somali", "索马里语"),
    "af": ("afrikaans", "南非荷兰语"),
    "oc": ("occitan", "奥克语"),
    "ka": ("georgian", "格鲁吉亚语"),
    "be": ("belarusian", "白俄罗斯语"),
    "tg": ("tajik", "塔吉克语"),
    "sd": ("sindhi", "信德语"),
    "gu": ("gujarati", "古吉拉特语"),
    "am": ("amharic", "阿姆哈拉语"),
    "yi": ("yiddish", "意第绪语"),
    "lo": ("lao", "老挝语"),
    "uz": ("uzbek", "乌兹别克语"),
    "fo": ("faroese", "法罗语"),
    "ht": ("haitian creole", "海地克里奥尔语"),
    "ps": ("pashto", "普什图语"),
    "tk": ("turkmen", "土库曼语"),
    "nn": ("nynorsk", "新挪威语"),
    "mt": ("maltese", "马耳他语"),
    "sa": ("sanskrit", "梵语"),
    "lb": ("luxembourgish", "卢森堡语"),
    "my": ("myanmar", "缅甸语"),
    "bo": ("tibetan", "藏语"),
    "tl": ("tagalog", "他加禄语"),
    "mg": ("malagasy", "马尔加什语"),
    "as": ("assamese", "阿萨姆语"),
    "tt": ("tatar", "鞑靼语"),
    "haw": ("hawaiian", "夏威夷语"),
    "ln": ("lingala", "林加拉语"),
    "ha": ("hausa", "豪萨语"),
    "ba": ("bashkir", "巴什基尔语"),
    "jw": ("javanese", "爪哇语"),
    "su": ("sundanese", "巽他语"),
    "yue": ("cantonese", "粤语"),
}

_CODES: Final = {english: code for code, (english, _) in LANGUAGES.items()}


def language_code(text: str) -> str:
    """The code for what a caller wrote: "zh", "ZH-cn", "chinese". Raises `BadRequest` (`unsupported_language`)."""
    wanted = text.strip().lower()
    code = wanted if wanted in LANGUAGES else _CODES.get(wanted, wanted.replace("_", "-").split("-")[0])
    if code not in LANGUAGES:
        raise BadRequest(
            "unsupported_language",
            zh=f"不支持语言“{text[:40]}”。请使用 ISO 639-1 代码，例如 zh、en；留空则自动识别。",
            en=f"Language {text[:40]!r} is not supported. Use an ISO 639-1 code such as zh or en, or leave it out.",
            param="language",
        )
    return code


def language_name(code: str) -> str:
    """The English name as OpenAI's verbose_json gives it ("english"); the code itself where it is not known."""
    return LANGUAGES[code][0] if code in LANGUAGES else code
