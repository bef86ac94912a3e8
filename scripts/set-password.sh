#!/usr/bin/env bash
# set-password.sh : another software login password, which it reads from standard input as Base64. Every session ends;
# API keys and jobs stay. The console's operation and an operator on the instance run it, as root.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

[ -e "$ENV_FILE" ] || { echo "此实例尚未部署 / this instance is not deployed yet"; exit 1; }
if in_cluster; then
    echo "集群请使用 python -m deploy update --password-stdin 修改 / on a cluster change it with: python -m deploy update --password-stdin"
    exit 1
fi
password=$(base64 -d 2>/dev/null) || { echo "密码不是 Base64 / the password is not Base64"; exit 1; }
[ "${#password}" -ge 8 ] || { echo "密码至少 8 位 / the password needs at least 8 characters"; exit 1; }
[[ $password != *[[:cntrl:]]* ]] || { echo "密码不能含控制字符或换行 / the password must not have control characters or line breaks"; exit 1; }
hash=$(printf '%s' "$password" | "$PYTHON" -m service_app hash-password)
unset password

systemctl stop whisper.service
replaced "$ENV_FILE" < <(
    grep -v '^WHISPER_ADMIN_PASSWORD_HASH=' "$ENV_FILE"
    printf "WHISPER_ADMIN_PASSWORD_HASH='%s'\n" "$hash"
) || true
# The table is service_app/auth/store.py's; the app stands still, and its user owns the file.
(as_app "$PYTHON" -c 'import sqlite3, contextlib
with contextlib.closing(sqlite3.connect("whisper.sqlite")) as database, database:
    database.execute("DELETE FROM sessions")') || echo "会话未能清除 / the sessions could not be ended"
systemctl start whisper.service
echo "密码已更换，所有会话已注销 / the password was changed, every session has ended"
