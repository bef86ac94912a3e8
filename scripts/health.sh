#!/usr/bin/env bash
# health.sh URL [CURL_OPTION...] : transcribes the bundled clip through the app at URL and compares the words. Exit 0:
# right; else one line says what is wrong. Standard input: line 1 the user name (empty: line 2 is an API key), line 2 the password, so
# that no secret is on a command line.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

url=$1
shift
clip=$RELEASE/service_app/assets/clips/demo-en
IFS= read -r user
IFS= read -r secret

# curl's own configuration syntax, on standard input: backslash and quote are the only special characters in quotes
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
credentials() {
    if [ -n "$user" ]; then
        printf 'user = "%s:%s"\n' "$(quoted "$user")" "$(quoted "$secret")"
    else
        printf 'header = "Authorization: Bearer %s"\n' "$(quoted "$secret")"
    fi
}

answer=$(credentials | curl -sS -K - -m "${WHISPER_GATE_TIMEOUT:-300}" -w '\n%{http_code}' \
    -F "file=@$clip.wav" -F model=whisper-1 -F language=en -F response_format=json "$@" "$url/v1/audio/transcriptions" 2>&1) ||
    { echo "$url does not answer: ${answer//$'\n'/ }"; exit 1; }
status=${answer##*$'\n'}
[ "$status" = 200 ] || { echo "$url answered $status: ${answer%$'\n'*}" | without_secrets; exit 1; }
printf '%s' "${answer%$'\n'*}" | "$PYTHON" "$SCRIPTS/same_words.py" "$clip.txt"
