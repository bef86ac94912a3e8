"""same_words.py EXPECTED.txt < ANSWER.json : exit 0 if the transcript's words are the expected ones.

A fifth of the words may differ (small models mishear a word); silence, loops and another language do not pass.
"""

from __future__ import annotations

import json
import re
import sys
from difflib import SequenceMatcher
from pathlib import Path

LEAST = 0.8


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def main(expected_file: str) -> int:
    expected = words(Path(expected_file).read_text(encoding="utf-8"))
    heard = words(str(json.load(sys.stdin).get("text", "")))
    same = sum(block.size for block in SequenceMatcher(None, expected, heard, autojunk=False).get_matching_blocks())
    if same >= LEAST * max(len(expected), len(heard)):
        return 0
    sys.stdout.write(
        f"expected {len(expected)} words, got {len(heard)} of which {same} are right: {' '.join(heard[:30])}\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
