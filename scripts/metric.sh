#!/usr/bin/env bash
# metric.sh : reports the length of the queue to CloudMonitor, for a cluster that grows and shrinks by it. Each node
# reports the same; a timer runs it every minute.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

group=$(setting METRIC "$CLUSTER_ENV")
[ -n "$group" ] || exit 0
cluster=$(cat "$ETC/secret")
key=$ETC/metric-key
if [ ! -s "$key" ]; then
    name=metric-$(node_name)
    (as_app "$PYTHON" -m service_app keys revoke "$name" >/dev/null 2>&1) || true
    (as_app "$PYTHON" -m service_app keys add "$name" --scope metrics) >"$key.new"
    mv "$key.new" "$key"
fi
answer=$(printf 'header = "Authorization: Bearer %s"\n' "$(cat "$key")" |
    curl -sS -K - -m 20 -w '\n%{http_code}' "http://127.0.0.1:$(setting WHISPER_PORT "$ENV_FILE")/metrics")
status=${answer##*$'\n'}
if [ "$status" = 401 ]; then rm "$key"; fi # somebody revoked it: the next run makes another
[ "$status" = 200 ] || { echo "/metrics: $status"; exit 1; }
printf '%s\n' "${answer%$'\n'*}" | "$PYTHON" "$SCRIPTS/cloud.py" metric "$group" "${cluster#whisper-}"
