#!/usr/bin/env bash
# release.sh [--wheels DIR] [--engines fast|both] : installs the tree this script lies in (a checkout or an unpacked
# package) as /opt/whisper/releases/VERSION, beside what is there; prints that folder as the last line. Does not switch.
# Resumable: a release without its `complete` mark is made again. Packages come from DIR when given, else from pip's
# index; either way each file's SHA-256 must be the locked one.
set -Eeuo pipefail
umask 022
tree=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
wheels='' engines=fast
while [ $# -gt 0 ]; do
    case $1 in
    --wheels) wheels=$(readlink -f "$2") ;;
    --engines) engines=$2 ;;
    *) echo "release.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$tree/pyproject.toml")
[[ $version =~ ^[0-9][0-9A-Za-z.+-]*$ ]] || { echo "release.sh: $tree/pyproject.toml has no version" >&2; exit 1; }
release=/opt/whisper/releases/$version

content=$(cd "$tree" && find scripts service_app requirements pyproject.toml -type f ! -name '*.pyc' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)-$engines
if [ "$(cat "$release/complete" 2>/dev/null)" = "$content" ]; then
    echo "release $version is installed" >&2
    echo "$release"
    exit 0
fi
if [ "$tree" = "$release" ]; then echo "release.sh: run it from the package, not from the installed release" >&2; exit 1; fi

echo "release $version: files" >&2
mkdir -p "$release"
rm -f "$release/complete"
for part in scripts service_app requirements; do
    rm -rf "${release:?}/$part"
    (cd "$tree" && tar -c --exclude='__pycache__' --owner=0 --group=0 "$part") | tar -x -C "$release" --no-same-owner
done
install -m 644 "$tree/pyproject.toml" "$release/pyproject.toml"
chmod -R u=rwX,go=rX "$release/scripts" "$release/service_app" "$release/requirements"

# same_packages : the environment of a finished release with the very same packages, if there is one
same_packages() {
    local other
    for other in /opt/whisper/releases/*; do
        if [ "$other" != "$release" ] && [[ $(cat "$other/complete" 2>/dev/null) == *-"$engines" ]] &&
            diff -rq "$other/requirements" "$release/requirements" >/dev/null; then
            echo "$other/venv"
            return
        fi
    done
    return 1
}

rm -rf "$release/venv"
if same=$(same_packages); then
    echo "release $version: packages as in $same" >&2
    # Links, not copies: releases are never changed. Only the unused console scripts name the folder.
    cp -al "$same" "$release/venv"
else
    echo "release $version: packages" >&2
    python3.11 -m venv "$release/venv"
    source_of_wheels=()
    [ -z "$wheels" ] || source_of_wheels=(--no-index --find-links "$wheels")
    locks=(-r "$release/requirements/image.lock")
    [ "$engines" = fast ] || locks+=(-r "$release/requirements/gpu.lock")
    # Compiled afterwards, on all processors: some packages hold files that are no Python 3.
    "$release/venv/bin/pip" install --quiet --no-cache-dir --no-compile --disable-pip-version-check --no-deps \
        --require-hashes "${source_of_wheels[@]}" "${locks[@]}" >&2
    "$release/venv/bin/python" -m compileall -q -j 0 "$release/venv/lib" >/dev/null 2>&1 || true
fi
"$release/venv/bin/python" -m compileall -q "$release/service_app" >&2
PYTHONPATH=$release "$release/venv/bin/python" -c 'import service_app' >&2

printf '%s\n' "$content" >"$release/complete"
echo "$release"
