#!/usr/bin/env bash
# Every static check, each of which can fail. The tests run it too.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
PYTHONPATH=. "$bin/lint-imports"
"$bin/shellcheck" $(git ls-files -- "*.sh" .ci/run)
"$bin/python" -m deploy render --check
