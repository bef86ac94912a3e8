#!/usr/bin/env bash
# check-image.sh : is this system fit to become an image? Prints each finding and exits 1 if there is one. `--clean` first
# removes what baking leaves behind. packer runs it last; after it nothing must run but the shutdown.
set -Eeuo pipefail
findings=0
found() { echo "check-image: $*"; findings=$((findings + 1)); }

if [ "${1:-}" = --clean ]; then
    apt-get clean
    rm -rf /var/lib/apt/lists/* /tmp/* /var/tmp/* /root/.cache /root/.pip /root/package /root/.ssh/authorized_keys
    rm -f /root/.*history /home/*/.*history /etc/ssh/ssh_host_*_key* /var/lib/systemd/random-seed /var/cache/whisper-driver-*
    find /var/log -type f -exec truncate -s 0 {} +
    rm -rf /var/log/journal/*
    command -v cloud-init >/dev/null && cloud-init clean --logs || true
    passwd -l root >/dev/null
    : >/etc/machine-id
fi

[ -e /opt/whisper/current/complete ] || found "no complete release in /opt/whisper/current"
[ -n "$(find /opt/whisper/models -type f -size +1M 2>/dev/null | head -n 1)" ] || found "no model weights in /opt/whisper/models"
for unit in whisper.service whisper-proxy.service whisper-address.timer nftables.service; do
    systemctl is-enabled -q "$unit" || found "$unit is not enabled"
done
for file in /etc/whisper/* /var/lib/whisper/* /var/lib/whisper-proxy/* /var/log/whisper/*.log; do
    [ ! -s "$file" ] || found "state of a deployment: $file"
done
for file in /etc/ssh/ssh_host_*_key /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys /root/.*history /home/*/.*history; do
    [ ! -s "$file" ] || found "key or history: $file"
done
[ ! -s /etc/machine-id ] || found "/etc/machine-id is set: every instance would have the same"
while IFS=: read -r user secret _; do
    case $secret in '' | '!'* | '*'*) ;; *) found "user $user has a password" ;; esac
done </etc/shadow
while IFS= read -r file; do
    found "private key: $file"
done < <(grep -rlIsE -e '-----BEGIN ([A-Z]+ )?PRIVATE KEY-----' /root /home /etc /opt/whisper/current/scripts 2>/dev/null || true)
while IFS= read -r file; do
    found "access key: $file"
done < <(grep -rlIsE 'LTAI[A-Za-z0-9]{16,}' /root /home /etc 2>/dev/null || true)
uninvited=$(find /opt/whisper -perm /022 ! -type l 2>/dev/null | head -n 3)
[ -z "$uninvited" ] || found "others may write: ${uninvited//$'\n'/ }"

[ "$findings" = 0 ] || exit 1
echo "check-image: nothing found"
