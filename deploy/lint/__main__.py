"""python -m deploy.lint > docs/lint-codes.md"""

import sys

from .codes import to_markdown

sys.stdout.write(to_markdown())
