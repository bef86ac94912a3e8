#!/usr/bin/env bash
# try-image.sh MODEL : deploys on this machine as a customer would, to see that the image transcribes; then takes every
# trace of it away. Nobody is told, as there is no stack.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

systemctl start nftables.service
status=0
"$SCRIPTS/start.sh" <<VALUES || status=$?
USER_B64=$(printf admin | base64 -w 0)
PASSWORD_B64=$(head -c 18 /dev/urandom | base64 -w 0 | base64 -w 0)
MODEL=$1
VALUES
systemctl stop whisper-address.timer whisper.service whisper-proxy.service
find "$ETC" "$DATA" /var/lib/whisper-proxy "$LOGS" -mindepth 1 -delete
exit $status
