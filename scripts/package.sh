#!/usr/bin/env bash
# package.sh FOLDER : makes FOLDER/whisper-VERSION.tar.gz, what install.sh and upgrade.sh install, and prints its path and
# SHA-256. The same tree gives the same file, byte by byte.
set -Eeuo pipefail
tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
mkdir -p "$1"
folder=$(readlink -f "$1")
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$tree/pyproject.toml")
file=$folder/whisper-$version.tar.gz
tar -c -C "$tree" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --exclude=__pycache__ scripts service_app requirements pyproject.toml | gzip -9n >"$file.new"
mv "$file.new" "$file"
echo "$file $(sha256sum "$file" | cut -d' ' -f1)"
