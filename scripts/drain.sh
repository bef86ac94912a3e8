#!/usr/bin/env bash
# drain.sh [--leave] : takes a node of a cluster out: it fails the load balancer's check, finishes or hands over its work,
# and then stands still. Run as root on a node that is upgraded, or, with --leave, that does not come back.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

in_cluster || { echo "此实例不是集群节点 / this instance is no node of a cluster"; exit 1; }
if [ "${1:-}" = --leave ] && [ -e "$ETC/metric-key" ]; then
    systemctl stop whisper-metric.timer || true # or it makes another key
    (as_app "$PYTHON" -m service_app keys revoke "metric-$(node_name)") || true
fi
as_app "$PYTHON" -m service_app drain --timeout "${WHISPER_DRAIN_TIMEOUT:-600}"
