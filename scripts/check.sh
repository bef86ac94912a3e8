#!/usr/bin/env bash
# Every static check, each of which can fail. The tests run it too.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
PYTHONPATH=. "$bin/lint-imports"
git ls-files -z -- "*.sh" .ci/run | xargs -0 "$bin/shellcheck"
"$bin/python" -m deploy render --check
