#!/usr/bin/env bash
# setup.sh cli|app|test : makes .venv with what the target needs, from the package index only. Says what it does and how
# far it is; a second run does nothing. Works with and without root; what only apt can bring is named with its command.
set -Eeuo pipefail
cd "$(dirname "$0")/.."
target=${1:-app}
venv=.venv
torch=torch==2.13.0 # openai-whisper's; a build for the CPU where the index has one

say() { printf '\033[1m[set-up]\033[0m %s\n' "$*" >&2; }
die() {
    printf '[set-up] %s\n' "$*" >&2
    exit 1
}

# need PACKAGE WHY PROBE... : where the probe fails, the package is installed as root, else the command to type is printed
need() {
    local package=$1 why=$2
    shift 2
    if "$@" >/dev/null 2>&1; then return; fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "$package is missing ($why). Type: sudo apt-get install $package"
    fi
    say "apt-get install $package ($why)"
    [ -n "${apt_fresh:-}" ] || apt-get update -qq >&2
    apt_fresh=1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}
chinese_font() { fc-list :lang=zh | grep -q .; }

case $target in
cli) extras='' steps=2 ;;
app) extras='[web,fast,demo]' steps=2 ;;
test) extras='[web,fast,openvino,openai,links,demo,dev]' steps=3 ;;
*) die "usage: scripts/setup.sh cli|app|test" ;;
esac

python=$(command -v python3.11) || die "Python 3.11 is missing (Debian 12 has it). Type: sudo apt-get install python3.11 python3.11-venv"
[ "$target" = cli ] || need curl "the startup script signals with it, as on the cloud" command -v curl
if [ "$target" = test ]; then
    need chromium "the page is tested in a real browser" command -v chromium
    need fonts-noto-cjk "Chinese in screenshots" chinese_font
    need ffmpeg "test recordings in other formats" command -v ffmpeg
    need postgresql "several nodes are tested on a real database" ls -d /usr/lib/postgresql/*/bin/initdb
    need haproxy "several nodes are tested behind a real balancer" command -v haproxy
    if [ "$(id -u)" = 0 ]; then # without root these tests skip themselves, and say so
        why="the startup script is tested on a booted Debian"
        need mmdebstrap "$why" command -v mmdebstrap
        need systemd-container "$why" command -v systemd-nspawn
        need slirp4netns "$why" command -v slirp4netns
        need iproute2 "$why" command -v ip
        need nftables "$why" command -v nft
        need packer "the image's recipe is validated" command -v packer
        need bindfs "recordings whose file system hangs" command -v bindfs
    fi
fi

# What is installed is known by the files that say what to install: any change installs again.
stamp=$venv/.$target-$(cat pyproject.toml "$0" | sha256sum | cut -c1-16)
[ ! -e "$stamp" ] || exit 0

started=$SECONDS
say "1/$steps Python environment in $venv"
"$python" -m venv "$venv" 2>/dev/null || die "python3.11 cannot make environments. Type: sudo apt-get install python3.11-venv"
"$venv/bin/pip" install -q --upgrade pip >&2 # Python's own is old and takes twice as long to find packages
if [ "$target" = test ]; then
    say "2/$steps torch for the CPU (about 200 MB)"
    "$venv/bin/pip" install -q --progress-bar on "$torch" >&2
fi
say "$steps/$steps packages${extras:+ $extras}"
# Without the build's advice about folders that have a package's name.
PYTHONWARNINGS=ignore "$venv/bin/pip" install -q --progress-bar on -e ".$extras" >&2
touch "$stamp"
say "ready in $((SECONDS - started)) s"
