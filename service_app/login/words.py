"""The login page's words in both languages."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, dict[str, str]]] = {
    "zh-CN": {
        "title": "Whisper 语音转写",
        "lead": "上传录音，得到带时间轴的文字与字幕。",
        "point_private": "录音只在你自己的服务器上处理",
        "point_formats": "导出 Word、字幕、纯文本等七种格式",
        "point_languages": "识别近百种语言，可译成英文",
        "heading": "登录",
        "username": "用户名",
        "password": "密码",
        "submit": "登录",
        "hint": "用户名和密码是部署时设置的软件登录信息。",
        "switch": "English",
        "starting": "服务正在启动，请稍候…",
    },
    "en": {
        "title": "Whisper Transcription",
        "lead": "Upload a recording, get timed text and subtitles.",
        "point_private": "Recordings never leave your own server",
        "point_formats": "Export as Word, subtitles, text and more",
        "point_languages": "Nearly a hundred languages, with translation into English",
        "heading": "Log in",
        "username": "User name",
        "password": "Password",
        "submit": "Log in",
        "hint": "The user name and password are the software login chosen at deployment.",
        "switch": "中文",
        "starting": "The service is starting…",
    },
}
