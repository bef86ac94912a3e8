#!/usr/bin/env bash
# set-password.sh : another software login password, for root on the instance. It asks for it on a terminal, and reads it
# as Base64 from any other standard input, so that it is on no command line. The administrator's sessions end, as the
# app sees the other hash when it starts; API keys, jobs and other users stay.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

[ -e "$ENV_FILE" ] || { echo "此实例尚未部署 / this instance is not deployed yet"; exit 1; }
if in_cluster; then
    echo "集群请使用 python -m deploy update --password-stdin 修改 / on a cluster change it with: python -m deploy update --password-stdin"
    exit 1
fi
if [ -t 0 ]; then
    IFS= read -rsp '新密码 / new password: ' password && echo
    IFS= read -rsp '再输入一次 / again: ' again && echo
    [ "$password" = "$again" ] || { echo "两次输入不一致 / the two differ"; exit 1; }
else
    password=$(base64 -d 2>/dev/null) || { echo "密码不是 Base64 / the password is not Base64"; exit 1; }
fi
[ "${#password}" -ge 8 ] || { echo "密码至少 8 位 / the password needs at least 8 characters"; exit 1; }
[[ $password != *[[:cntrl:]]* ]] || { echo "密码不能含控制字符或换行 / the password must not have control characters or line breaks"; exit 1; }
hash=$(printf '%s' "$password" | "$PYTHON" -m service_app hash-password)
unset password again

replaced "$ENV_FILE" < <(
    grep -v '^WHISPER_ADMIN_PASSWORD_HASH=' "$ENV_FILE"
    printf "WHISPER_ADMIN_PASSWORD_HASH='%s'\n" "$hash"
) || true
systemctl restart whisper.service
echo "密码已更换，管理员的会话已注销 / the password was changed, the administrator's sessions have ended"
