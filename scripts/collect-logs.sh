#!/usr/bin/env bash
# collect-logs.sh : packs what support needs into one file, secrets cut out, and prints its path as the last line. No
# media, no text of jobs, no settings' secrets are in it.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

KEEP=3           # older bundles are deleted
LINES=20000      # of each log
bundle=$LOGS/bundle-$(date -u +%Y%m%dT%H%M%SZ).tar.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/logs"

# note NAME COMMAND... : what the command says, failures included
note() {
    local name=$1
    shift
    { timeout 20 "$@" 2>&1 || echo "exit $?"; } | without_secrets >"$work/$name"
}

for log in "$LOGS"/*.log; do
    [ -f "$log" ] || continue
    tail -n "$LINES" "$log" | without_secrets >"$work/logs/${log##*/}"
done
note release readlink -f "$RELEASE"
note disks df -h
note memory free -m
note processes ps -eo pid,ppid,user,rss,etime,comm # no arguments: they may hold what nobody should read
note cards nvidia-smi
if [ -f "$ENV_FILE" ]; then note settings sed -E "s/^([A-Z_]*(HASH|PASSWORD|SECRET|KEY|TOKEN|DATABASE_URL)[A-Z_]*)=.*/\1='****'/" "$ENV_FILE"; fi
if [ -f "$PROXY_ENV" ]; then note proxy cat "$PROXY_ENV"; fi
if on_systemd; then
    note units systemctl status --no-pager -n 30 'whisper*' nftables.service
    note failed systemctl --failed --no-pager
    note journal journalctl -b --no-pager -n "$LINES" -u 'whisper*' -k -p notice
    note sockets ss -tlnp
    note firewall nft list ruleset
    note versions dpkg-query -W
fi
port=$(setting WHISPER_PORT "$ENV_FILE" 2>/dev/null) || port=''
if [ -n "$port" ]; then note readyz curl -s -m 5 "http://127.0.0.1:$port/readyz"; fi

mkdir -p "$LOGS"
tar -czf "$bundle" -C "$work" .
find "$LOGS" -maxdepth 1 -name 'bundle-*.tar.gz' | sort -r | tail -n +$((KEEP + 1)) | xargs -r rm --
echo "$bundle"
