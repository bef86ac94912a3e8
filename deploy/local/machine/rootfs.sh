#!/usr/bin/env bash
# rootfs.sh FOLDER : a Debian 12 root file system like a fresh server's, from the mirror that apt is set up with here, or
# from Debian's own where this is another system.
set -Eeuo pipefail
out=$1
packages=systemd,systemd-sysv,dbus,udev,kmod,ca-certificates,curl,python3,iproute2,procps,cron,openssl,gpgv,apt-utils
mirror=()
for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if grep -qs '^[^#]*bookworm' "$file"; then
        mirror=("$file")
        break
    fi
done
# The hooks run with the new root as $1. A certificate authority of this machine's network is carried over; mmdebstrap
# leaves the machine without /etc/hosts, which localhost needs.
# shellcheck disable=SC2016
mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --include=$packages \
    --customize-hook='mkdir -p "$1/usr/local/share/ca-certificates"; cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true; chroot "$1" update-ca-certificates >/dev/null' \
    --customize-hook='printf "127.0.0.1 localhost\n" >"$1/etc/hosts"; : >"$1/etc/machine-id"; rm -f "$1/etc/resolv.conf"' \
    --customize-hook='printf "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n" >"$1/etc/pip.conf"' \
    --customize-hook='chroot "$1" passwd -l root >/dev/null; chroot "$1" systemctl mask -q sys-kernel-debug.mount sys-kernel-tracing.mount; chroot "$1" systemctl disable -q apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer' \
    bookworm "$out" "${mirror[@]}"
