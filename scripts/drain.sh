#!/usr/bin/env bash
# drain.sh : takes a node of a cluster out: it fails the load balancer's check, finishes or hands over its work, and then
# stands still. Run as root on a node that leaves, or before it is upgraded.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

in_cluster || { echo "此实例不是集群节点 / this instance is no node of a cluster"; exit 1; }
as_app "$PYTHON" -m service_app drain --timeout "${WHISPER_DRAIN_TIMEOUT:-600}"
