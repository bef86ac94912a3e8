#!/usr/bin/env bash
# Starts the web app on a new instance, and repairs it when run again. Cloud Assistant runs it (`sh -c FILE`, root, no
# terminal, merged output); the same file runs in a private folder tree on the local target (WHISPER_ROOT).
#
#   reads   NAME=value lines on standard input: docs/architecture.md, "Startup"
#   writes  etc/whisper/whisper.env (0600; the password only as an argon2id hash), var/log/whisper/start.log
#   ends    with one signal: SUCCESS only after the app transcribed a clip over HTTP with the customer's credentials,
#           else FAILURE with `code | 中文 | English`
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

START_TIMEOUT=${WHISPER_START_TIMEOUT:-900} # seconds until every device must answer: large models load for minutes
SIGNALLED=

fail() { # CODE ZH EN
    trap - ERR
    say "失败 / failed: $1: $2 / $3"
    SIGNALLED=1
    signal FAILURE "$1 | $2 | $3" || say "no signal could be sent"
    exit 1
}
trap 'fail internal "启动脚本第 $LINENO 行出错，请查看 start.log" "line $LINENO of the startup script failed; see start.log"' ERR
trap '[ -n "$SIGNALLED" ] || fail interrupted "启动脚本被中断" "the startup script was interrupted"' EXIT

main() {
    read_values
    mkdir -p "$ETC" "$DATA" "$LOGS" "$RUN"
    exec 9>"$RUN/start.lock"
    flock -n 9 || fail already_running "另一个启动脚本正在运行" "another startup script is running on this instance"
    exec > >(tee -a "$LOGS/start.log") 2>&1
    say "开始 / begin: release $(readlink -f "$RELEASE"), model $MODEL"

    write_settings
    say "已写入配置 / settings written: $ENV_FILE"
    if on_systemd; then start_units; else start_process; fi
    say "已启动 / started"
    wait_ready
    say "模型已就绪 / every device answers"
    gate
    say "转写自检通过 / the bundled clip was transcribed with the right words"

    SIGNALLED=1
    signal SUCCESS "$(printf '{"login_address": "%s/", "api_address": "%s/v1", "model": "%s"}' "$PUBLIC_URL" "$PUBLIC_URL" "$MODEL")" ||
        fail no_signal "无法通知 ROS" "the stack could not be told of the success"
    say "完成 / done: $PUBLIC_URL/"
}

read_values() {
    local name value
    # shellcheck disable=SC2034 # read by name, in decode
    USER_B64='' PASSWORD_B64='' SIGNAL_B64='' MODEL='' PUBLIC_ADDRESS=''
    while IFS='=' read -r name value; do
        case $name in
        USER_B64 | PASSWORD_B64 | SIGNAL_B64 | MODEL | PUBLIC_ADDRESS) printf -v "$name" '%s' "$value" ;;
        '' | '#'*) ;;
        *) fail bad_value "未知的启动参数 $name" "unknown startup value $name" ;;
        esac
    done
    SYSTEM_PYTHON=$PYTHON
    [ -x "$PYTHON" ] || SYSTEM_PYTHON=python3
    decode SIGNAL_CLI SIGNAL_B64
    [ -x "$PYTHON" ] || fail no_release "镜像中没有应用程序 ($RELEASE)，请使用本服务的镜像" "the image holds no application ($RELEASE); use this service's image"
    decode ADMIN_USER USER_B64
    [[ $ADMIN_USER =~ ^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$ ]] ||
        fail bad_user "软件登录用户名只能含字母、数字和 _ . @ -，长度 1 到 64" "the software user name takes letters, digits and _ . @ - only, 1 to 64 of them"
    [[ $MODEL =~ ^[a-z0-9][a-z0-9.-]{0,63}$ ]] || fail bad_model "模型名称无效: $MODEL" "not a model name: $MODEL"
    [[ $PUBLIC_ADDRESS =~ ^[A-Za-z0-9.:-]*$ ]] || fail bad_address "公网地址无效" "not an address: PUBLIC_ADDRESS"
    [ -n "$PASSWORD_B64" ] || fail no_password "缺少软件登录密码" "the software password is missing"
}

# decode NAME FROM : NAME = the text of the Base64 value FROM
decode() {
    local text
    text=$(printf '%s' "${!2}" | base64 -d 2>/dev/null) || fail bad_value "$2 不是 Base64" "$2 is not Base64"
    printf -v "$1" '%s' "$text"
}

# Writes the environment file; the password is hashed from standard input and forgotten.
write_settings() {
    local hash port=${WHISPER_PORT:-7860}
    decode PASSWORD PASSWORD_B64
    if [[ $PASSWORD == \$argon2id\$* ]]; then
        hash=$PASSWORD PASSWORD=''
        [[ $hash =~ ^\$argon2id\$[A-Za-z0-9+/=,\$]+$ ]] || fail bad_password "密码哈希无效" "not an argon2id hash"
    else
        hash=$(printf '%s' "$PASSWORD" | "$PYTHON" -m service_app hash-password)
    fi
    APP_URL=http://127.0.0.1:$port
    if on_systemd; then PUBLIC_URL=https://${PUBLIC_ADDRESS:-$(own_address)}; else PUBLIC_URL=$APP_URL; fi
    cat >"$ENV_FILE.new" <<SETTINGS
# Settings of the Whisper web app, written by start.sh; all of them: python -m service_app settings
WHISPER_HOST='127.0.0.1'
WHISPER_PORT='$port'
WHISPER_PUBLIC_URL='$PUBLIC_URL'
WHISPER_ADMIN_USER='$ADMIN_USER'
WHISPER_ADMIN_PASSWORD_HASH='$hash'
WHISPER_MODEL='$MODEL'
WHISPER_MODELS_DIR='$ROOT/opt/whisper/models'
WHISPER_DATA_DIR='$DATA'
SETTINGS
    CHANGED=1
    if cmp -s "$ENV_FILE.new" "$ENV_FILE"; then CHANGED=; fi
    mv "$ENV_FILE.new" "$ENV_FILE"
}

# The instance's public address by the metadata service (IMDSv2), else its private one.
own_address() {
    local token base=http://100.100.100.200/latest
    token=$(curl -sf -m 3 -X PUT -H 'X-aliyun-ecs-metadata-token-ttl-seconds: 60' $base/api/token) || true
    for item in eipv4 public-ipv4 private-ipv4; do
        curl -sf -m 3 -H "X-aliyun-ecs-metadata-token: $token" "$base/meta-data/$item" | grep . && return
    done
    hostname -I | cut -d' ' -f1
}

start_units() {
    local user
    user=$(stat -c %U "$DATA")
    if [ "$user" != whisper ]; then chown whisper:whisper "$DATA"; fi
    systemctl daemon-reload
    systemctl enable -q whisper.service whisper-proxy.service
    if [ -n "$CHANGED" ]; then
        systemctl restart whisper.service whisper-proxy.service
    else
        systemctl start whisper.service whisper-proxy.service
    fi
}

# Without systemd: a session of its own, its process id in a file. A process that runs with the same settings stays.
start_process() {
    local pid_file=$RUN/app.pid pid
    if pid=$(app_pid); then
        if [ -z "$CHANGED" ]; then
            say "应用已在运行 / the app is running already"
            return
        fi
        kill "$pid"
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    fi
    with_settings setsid "$PYTHON" -m service_app serve </dev/null >>"$LOGS/app.log" 2>&1 9>&- &
    echo $! >"$pid_file"
}

# with_settings COMMAND... : becomes the command, in the data folder, with the app's settings in its environment; call it
# in a subshell or in the background
with_settings() {
    cd "$DATA"
    set -a
    # shellcheck disable=SC1090 # made by write_settings
    . "$ENV_FILE"
    exec "$@"
}

# The app's process id, if it runs; a recycled id of another program does not count.
app_pid() {
    local pid
    pid=$(cat "$RUN/app.pid" 2>/dev/null) && grep -qs service_app "/proc/$pid/cmdline" && echo "$pid"
}

app_runs() { if on_systemd; then systemctl is-active -q whisper.service; else app_pid >/dev/null; fi; }

wait_ready() {
    local answer until=$((SECONDS + START_TIMEOUT)) reason=''
    while :; do
        answer=$(curl -s -m 5 -w '\n%{http_code}' "$APP_URL/readyz") || true
        [ "${answer##*$'\n'}" != 200 ] || return 0
        if [ "${answer%$'\n'*}" != "$reason" ]; then
            reason=${answer%$'\n'*}
            say "等待 / waiting: ${reason:-no answer yet}"
        fi
        app_runs || fail app_ended "应用程序启动失败: $(last_lines)" "the app ended while starting: $(last_lines)"
        [ $SECONDS -lt "$until" ] ||
            fail not_ready "应用程序在 $START_TIMEOUT 秒内未就绪: $reason" "the app was not ready within $START_TIMEOUT s: $reason"
        sleep 0.2
    done
}

last_lines() {
    if on_systemd; then journalctl -u whisper.service -n 5 -o cat --no-pager; else tail -n 5 "$LOGS/app.log"; fi |
        without_secrets | tr '\n|' ' /' | cut -c1-600
}

# With the customer's own password where it is known, else with a key that lives for minutes.
gate() {
    local why user=$ADMIN_USER secret=$PASSWORD
    if [ -z "$secret" ]; then
        user='' secret=$(with_settings "$PYTHON" -m service_app keys add startup-gate --minutes 10)
    fi
    why=$(printf '%s\n%s\n' "$user" "$secret" | "$SCRIPTS/health.sh" "$APP_URL" 2>&1) ||
        fail gate "自检转写失败: $(printf '%s' "$why" | tr '\n|' ' /')" "the check transcription failed: $(printf '%s' "$why" | tr '\n|' ' /')"
}

main
