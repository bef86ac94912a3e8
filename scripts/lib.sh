# shellcheck shell=bash disable=SC2034,SC2016
# What the instance's scripts share: where things are, the log, and the signal to ROS. Source it, do not run it.

ROOT=${WHISPER_ROOT:-}
SCRIPTS=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
RELEASE=$ROOT/opt/whisper/current
ETC=$ROOT/etc/whisper
DATA=$ROOT/var/lib/whisper
LOGS=$ROOT/var/log/whisper
RUN=$ROOT/run/whisper
ENV_FILE=$ETC/whisper.env
PROXY_ENV=$ETC/proxy.env
CLUSTER_ENV=$ETC/cluster.env # there on a node of a cluster: where people come from
SHARED=/srv/whisper          # what the nodes of a cluster share
PYTHON=$RELEASE/venv/bin/python
export PYTHONPATH=$RELEASE PYTHONDONTWRITEBYTECODE=1

# A private folder tree stands for the machine on the local target: there, no systemd and no proxy.
on_systemd() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

# A node of several: known while it starts from the values that it was given, later from its settings.
in_cluster() { [ -n "${DATABASE_URL_B64:-}" ] || { [ -e "$ENV_FILE" ] && [ -n "$(setting WHISPER_NODE "$ENV_FILE")" ]; }; }

# node_name : the instance's id, by which the scaling group knows it, too
node_name() {
    if [ -n "${WHISPER_INSTANCE_ID:-}" ]; then echo "${WHISPER_INSTANCE_ID##*/}"; else metadata instance-id || hostname; fi
}

# metadata ITEM : of the instance's metadata service, with a token (IMDSv2); exit 1 where it has none
metadata() {
    local token base=http://100.100.100.200/latest
    token=$(curl -sf -m 3 -X PUT -H 'X-aliyun-ecs-metadata-token-ttl-seconds: 60' $base/api/token) || return 1
    curl -sf -m 3 -H "X-aliyun-ecs-metadata-token: $token" "$base/meta-data/$1" | grep .
}

say() { printf '[%5d.%ds] %s\n' $((($(now_ms) - STARTED_MS) / 1000)) $((($(now_ms) - STARTED_MS) % 1000 / 100)) "$*"; }
now_ms() { date +%s%3N; }
STARTED_MS=$(now_ms)

# replaced FILE : FILE gets the text on standard input; exit 1 when it held that text already. Never half written.
replaced() {
    cat >"$1.new" || { echo "$1 cannot be written"; exit 1; }
    if cmp -s "$1.new" "$1"; then
        rm "$1.new"
        return 1
    fi
    mv "$1.new" "$1"
}

# setting NAME FILE : the value of NAME='value' in a settings file
setting() { sed -n "s/^$1='\(.*\)'\$/\1/p" "$2"; }

# as_app COMMAND... : becomes the command as the app would run it: its settings, folder and user, so that files it makes
# are the app's. Call it in a subshell or in the background.
as_app() {
    unset WHISPER_CLOUD_KEY WHISPER_CLOUD_SECRET # the role is root's
    cd "$DATA" || exit 1
    set -a
    # shellcheck disable=SC1090 # made by start.sh
    . "$ENV_FILE"
    if on_systemd; then exec setpriv --reuid=whisper --regid=whisper --init-groups --no-new-privs -- "$@"; fi
    exec "$@"
}

# curl options that reach the address through this machine's proxy and check its certificate
through_proxy() {
    if in_cluster; then return; fi
    printf '%s\n' --connect-to "::127.0.0.1:443"
    if [ "$(setting CERTIFICATE "$PROXY_ENV")" = self-signed ]; then printf '%s\n' --cacert /var/lib/whisper-proxy/self-signed/cert.pem; fi
}

# signal SUCCESS|FAILURE TEXT : one signal of id 1 (or SIGNAL_ID) to the stack's WaitCondition, TEXT as its data. SIGNAL_CLI is ROS's
# own curl prefix (WaitConditionHandle.CurlCli); without it (a run by hand) there is nobody to tell.
signal() {
    [ -n "${SIGNAL_CLI:-}" ] || return 0
    printf '%s' "$2" | STATUS=$1 ID=${SIGNAL_ID:-1} "${SYSTEM_PYTHON:-python3}" -c '
import json, os, sys
text = sys.stdin.buffer.read().decode("utf-8", "replace")
json.dump({"status": os.environ["STATUS"], "id": os.environ["ID"], "data": text}, sys.stdout)' |
        sh -c "$SIGNAL_CLI -sS -f -o /dev/null --max-time 20 --retry 5 --retry-all-errors --data-binary @-"
}

# Filter: hashes, keys and credentials are cut out of a log before it is shown or sent.
without_secrets() { sed -E 's/\$argon2id\$[^ "]*/****/g; s/sk-[A-Za-z0-9_-]{16,}/****/g; s#(postgres[a-z]*://[^:@ ]*:)[^@ ]*@#\1****@#g; s/([Aa]uthorization: *)(Basic|Bearer) [^ "]*/\1****/g'; }
