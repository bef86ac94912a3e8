# shellcheck shell=bash
# Is the app right? Waiting for it, and the gate that it must pass. Source it after lib.sh, do not run it; who sources it
# has a `fail CODE ZH EN` that ends, and APP_URL.

START_TIMEOUT=${WHISPER_START_TIMEOUT:-900} # seconds until every device must answer: large models load for minutes
STUCK_TIMEOUT=${WHISPER_STUCK_TIMEOUT:-60}  # seconds with one and the same fault until it counts as final

# The app's process id, if it runs; a recycled id of another program does not count.
app_pid() {
    local pid
    pid=$(cat "$RUN/app.pid" 2>/dev/null) && grep -qs service_app "/proc/$pid/cmdline" && echo "$pid"
}

# On systemd a crash or two are forgiven, as systemd starts the app again.
app_runs() {
    if on_systemd; then
        [ "$(systemctl show -P ActiveState whisper.service)" != failed ] && [ "$(systemctl show -P NRestarts whisper.service)" -lt 3 ]
    else
        app_pid >/dev/null
    fi
}

wait_ready() {
    local answer until=$((SECONDS + START_TIMEOUT)) reason='' since=0
    while :; do
        answer=$(curl -s -m 5 -w '\n%{http_code}' "$APP_URL/readyz") || true
        [ "${answer##*$'\n'}" != 200 ] || return 0
        answer=${answer%$'\n'*}
        if [ -n "$answer" ] && [[ $answer != *'"ready":'* ]]; then answer="loading: another program answers at $APP_URL"; fi
        if [ "$answer" != "$reason" ]; then
            reason=$answer since=$SECONDS
            say "等待 / waiting: ${reason:-no answer yet}"
        fi
        hopeless "$reason" $((SECONDS - since)) &&
            fail not_ready "应用程序无法就绪: ${reason//|//}" "the app cannot become ready: ${reason//|//}"
        app_runs || fail app_ended "应用程序启动失败: $(last_lines app.log)" "the app ended while starting: $(last_lines app.log)"
        [ $SECONDS -lt "$until" ] ||
            fail not_ready "应用程序在 $START_TIMEOUT 秒内未就绪: $reason" "the app was not ready within $START_TIMEOUT s: $reason"
        sleep 0.2
    done
}

# hopeless ANSWER SECONDS : whether an app that has answered so for so long will not become ready by waiting. No device
# at all means that the model or the devices asked for are not there.
hopeless() {
    case $1 in
    *'"devices":[]'*) return 0 ;;
    '' | *starting* | *loading* | *'not started'*) return 1 ;;
    *) [ "$2" -ge "$STUCK_TIMEOUT" ] ;;
    esac
}

last_lines() { tail -n 5 "$LOGS/$1" 2>/dev/null | without_secrets | tail -c 600 | tr '\n|' ' /'; }

# gate URL [CURL_OPTION...] : a real transcription over HTTP(S); with the customer's own password where it is known
# (ADMIN_USER, PASSWORD), else with a key that lives for minutes.
gate() {
    local why user=${ADMIN_USER:-} secret=${PASSWORD:-} key=''
    if [ -z "$secret" ]; then
        key=startup-gate-$(date +%s%N)
        user='' secret=$(as_app "$PYTHON" -m service_app keys add "$key" --minutes 10)
    fi
    why=$(printf '%s\n%s\n' "$user" "$secret" | "$SCRIPTS/health.sh" "$@" 2>&1) || why=${why:-failed}
    if [ -n "$key" ]; then (as_app "$PYTHON" -m service_app keys revoke "$key") || true; fi
    [ -z "$why" ] ||
        fail gate "自检转写失败: $(printf '%s' "$why" | tr '\n|' ' /')" "the check transcription failed: $(printf '%s' "$why" | tr '\n|' ' /')"
}

no_proxy() { fail proxy "HTTPS 代理未运行: $(last_lines proxy.log)" "the HTTPS proxy does not run: $(last_lines proxy.log)"; }
