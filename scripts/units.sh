#!/usr/bin/env bash
# Installs what of the release lives outside it: units, firewall, log rotation, security updates. Changes nothing that
# is right already; starts nothing.
set -Eeuo pipefail
umask 022
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

for unit in "$SCRIPTS"/systemd/*; do
    install -C -m 644 "$unit" "/etc/systemd/system/${unit##*/}"
done
install -C -m 755 "$SCRIPTS/etc/nftables.conf" /etc/nftables.conf
install -C -m 644 "$SCRIPTS/etc/logrotate" /etc/logrotate.d/whisper
install -C -m 644 "$SCRIPTS/etc/unattended-upgrades" /etc/apt/apt.conf.d/52whisper

install -d -o whisper -g whisper -m 700 "$DATA"
install -d -o whisper-proxy -g whisper-proxy -m 700 /var/lib/whisper-proxy
install -d -o root -g adm -m 750 "$LOGS"
install -d -m 700 "$ETC"
systemctl enable -q --no-reload nftables.service whisper.service whisper-proxy.service whisper-address.timer 2>&1
if on_systemd; then systemctl daemon-reload; fi
