#!/usr/bin/env bash
# Turns a fresh Debian 12 into the product; packer and Compute Nest's image builder run it, and startup from a public
# image. Run it from a checkout or an unpacked package, as root. A second run repairs and is quick.
#
#   install.sh [--models NAME,…] [--engines fast|both] [--wheels DIR] [--weights DIR]
#
#   --models    weights to install (default large-v2); none: none
#   --engines   both (default): faster-whisper and the reference openai-whisper; fast: faster-whisper alone, no torch
#   --wheels    folder of Python packages, instead of pip's index
#   --weights   folder laid out like /opt/whisper/models, instead of the mirrors
set -Eeuo pipefail
umask 022
here=$(dirname "$(readlink -f "$0")")
models=large-v2 engines=both wheels='' weights=''
while [ $# -gt 0 ]; do
    case $1 in
    --models) models=$2 ;;
    --engines) engines=$2 ;;
    --wheels) wheels=$2 ;;
    --weights) weights=$2 ;;
    *) echo "install.sh: unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
trap 'echo "install.sh: line $LINENO failed" >&2' ERR

step() { printf '[install %4ds] %s\n' "$SECONDS" "$*"; }

[ "$(id -u)" = 0 ] || { echo "install.sh: run it as root" >&2; exit 1; }
grep -q '^VERSION_ID="12"' /etc/os-release || { echo "install.sh: needs Debian 12, this is $(. /etc/os-release && echo "$PRETTY_NAME")" >&2; exit 1; }

step "1/6 系统软件包 / system packages"
packages=()
for package in ca-certificates curl logrotate nfs-common nftables openssl python3.11 python3.11-venv unattended-upgrades; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || packages+=("$package")
done
if [ ${#packages[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
# A cluster's nodes mount their recordings by NFS 4, which asks no port mapper and starts none of the older helpers;
# nobody else needs any of it, and it would listen to the world.
systemctl --quiet disable nfs-client.target
systemctl --quiet mask --now rpcbind.service rpcbind.socket

step "2/6 用户 / users"
for user in whisper whisper-proxy; do
    id -u "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
done

step "3/6 显卡驱动 / graphics driver"
"$here/driver.sh"

step "4/6 应用程序 / application"
options=(--engines "$engines")
[ -z "$wheels" ] || options+=(--wheels "$wheels")
release=$("$here/release.sh" "${options[@]}")
release=${release##*$'\n'}
if [ ! -e /opt/whisper/current ]; then ln -sfn "$release" /opt/whisper/current; fi

step "5/6 模型 / model weights: $models"
install -d -m 755 /opt/whisper/models
if [ "$models" != none ]; then
    options=(--engines "$engines" --into /opt/whisper/models)
    [ -z "$weights" ] || options+=(--from "$weights")
    IFS=, read -ra names <<<"$models"
    python3.11 "$here/weights.py" "${options[@]}" "${names[@]}"
fi

step "6/6 系统服务 / units, firewall, log rotation, security updates"
/opt/whisper/current/scripts/units.sh

step "完成 / done: $release"
