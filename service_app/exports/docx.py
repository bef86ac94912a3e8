"""Word documents (Office Open XML, ECMA-376): the smallest package that Word, WPS and LibreOffice open."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from ..types import Job, Segment
from .bilingual import lines

_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_GREY: Final = '<w:color w:val="707070"/>'
_BREAK: Final = "<w:r><w:br/></w:r>"
_MADE = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same text is the same file
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def docx(job: Job, segments: Sequence[Segment]) -> bytes:
    """The recording's name as the heading, then one paragraph for each segment, its time in grey before it and a pair's
    translation in grey below it."""
    paragraphs = [_paragraph(_run(job.name, '<w:b/><w:sz w:val="32"/>'))]
    for segment in segments:
        text, *below = lines(segment) or [""]
        if text:
            said = f"{segment.speaker}: {text}" if segment.speaker else text
            runs = _run(_clock(segment.start) + "  ", _GREY) + _run(said)
            paragraphs.append(_paragraph(runs + "".join(_BREAK + _run(line, _GREY) for line in below)))
    document = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<w:document xmlns:w="{_WORD}"><w:body>{"".join(paragraphs)}<w:sectPr/></w:body></w:document>'
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        parts = (("[Content_Types].xml", _TYPES), ("_rels/.rels", _RELATIONS), ("word/document.xml", document))
        for name, content in parts:
            package.writestr(zipfile.ZipInfo(name, _MADE), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _paragraph(runs: str) -> str:
    return f"<w:p>{runs}</w:p>"


def _run(text: str, properties: str = "") -> str:
    look = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{look}<w:t xml:space="preserve">{escape(_NOT_XML.sub("", text))}</w:t></w:r>'


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
