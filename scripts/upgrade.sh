#!/usr/bin/env bash
# Installs another version beside the one in use, and switches to it only if it passes the gate; else everything is as
# before, jobs included. Run as root on the instance, from the version in use:
#
#   upgrade.sh PACKAGE.tar.gz SHA256 [--wheels DIR]    the package as scripts/package.sh makes it
#   upgrade.sh --back [VERSION]                        to the version that was in use before; jobs and logins stay.
#                                                      With VERSION only if it is that one
#
# While it switches, visitors see "starting" and programs get 503 with Retry-After; running jobs go on afterwards where
# they were. The last line of the output is `SUCCESS version` or `FAILURE code | 中文 | English`.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"
# shellcheck source=scripts/gate.sh
. "$SCRIPTS/gate.sh"

RELEASES=/opt/whisper/releases
BACKUPS=/var/lib/whisper-backups
KEEP=3 # releases and backups
APP_URL=http://127.0.0.1:$(setting WHISPER_PORT "$ENV_FILE")

fail() { # CODE ZH EN
    trap - ERR
    echo "FAILURE $1 | $2 | $3"
    exit 1
}
trap '[ "$BASH_SUBSHELL" = 0 ] || exit 1; fail internal "升级脚本第 $LINENO 行出错" "line $LINENO of the upgrade script failed"' ERR

main() {
    [ -e "$ENV_FILE" ] || fail not_deployed "此实例尚未部署" "this instance is not deployed yet"
    exec 9>"$RUN/start.lock"
    flock -n 9 || fail already_running "启动或升级正在进行" "a startup or an upgrade is running"
    local old new
    old=$(readlink -f "$RELEASE")
    if [ "${1:-}" = --back ]; then new=$(previous "$old" "${2:-}"); else new=$(unpack "$@"); fi || {
        echo "${new##*$'\n'}" # the subshell's FAILURE
        exit 1
    }
    new=${new##*$'\n'}
    say "${old##*/} → ${new##*/}"

    # The other nodes take its work over; what it cannot hand over goes on after the upgrade.
    if in_cluster; then "$SCRIPTS/drain.sh" || say "未能完全排空 / not wholly drained"; fi
    visitors_wait
    systemctl stop whisper.service
    local backup why
    backup=$(back_up "${old##*/}")
    say "已备份 / backup: $backup"
    switch "$new"
    if why=$(release_works 2>&1); then
        printf '%s\n' "${old##*/}" >"$new/previous" # only now: --back must never lead to a version that failed
        visitors_enter
        tidy "$old" "$new"
        say "完成 / done"
        echo "SUCCESS ${new##*/}"
        return
    fi
    why=${why##*FAILURE }
    say "新版本未通过 / the new version failed: $why"
    systemctl stop whisper.service
    switch "$old"
    restore "$backup"
    local restored
    restored=$(release_works 2>&1) || fail not_restored "新旧版本均未就绪: ${restored##*FAILURE }" "neither the new nor the old version works: ${restored##*FAILURE }"
    visitors_enter
    fail rolled_back "新版本未通过自检，已回退到 ${old##*/}: $why" "the new version failed its check, ${old##*/} is in use again: $why"
}

# unpack PACKAGE SHA256 [--wheels DIR] : installs the package's release, prints its folder
unpack() {
    local package=${1:-} sum=${2:-} tree
    [ -f "$package" ] && [ -n "$sum" ] || fail usage "用法: upgrade.sh 升级包 SHA256" "usage: upgrade.sh PACKAGE.tar.gz SHA256 [--wheels DIR]"
    shift 2
    [ "$(sha256sum "$package" | cut -d' ' -f1)" = "$sum" ] || fail bad_package "升级包校验和不符" "$package does not have the SHA-256 $sum"
    tree=$(mktemp -d /var/tmp/whisper-upgrade.XXXXXX)
    # shellcheck disable=SC2064 # now: the name is this function's own
    trap "rm -rf '$tree'" EXIT # of the subshell that it runs in
    tar -xzf "$package" -C "$tree" --no-same-owner || fail bad_package "升级包无法解开" "$package cannot be unpacked"
    [ -x "$tree/scripts/release.sh" ] || fail bad_package "不是本应用的升级包" "$package is not a package of this app"
    # Before anything is installed: it would go over the files that are in use.
    not_in_use "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$tree/pyproject.toml")"
    "$tree/scripts/release.sh" --engines "$(sed 's/.*-//' "$RELEASE/complete")" "$@" ||
        fail install "新版本安装失败" "the new version could not be installed"
}

not_in_use() { # VERSION
    local now
    now=$(basename "$(readlink -f "$RELEASE")")
    [ "$1" != "$now" ] || fail same_version "该版本已在使用: $now" "version $now is in use already; give the new one another version"
}

# previous CURRENT [VERSION] : the folder of the version before CURRENT, if that is VERSION
previous() {
    local name
    not_in_use "${2:-}"
    name=$(cat "$1/previous" 2>/dev/null) && [ -e "$RELEASES/$name/complete" ] && [ "${2:-$name}" = "$name" ] ||
        fail no_previous "没有可回退的版本" "there is no version to go back to"
    echo "$RELEASES/$name"
}

switch() { # TO
    ln -sfn "$1" /opt/whisper/current.new
    mv -T /opt/whisper/current.new /opt/whisper/current
    "$1/scripts/units.sh"
}

# In a subshell, so that `fail` gives a reason and not the end.
release_works() (
    systemctl reset-failed whisper.service 2>/dev/null || true
    systemctl restart --no-block whisper.service
    wait_ready
    gate "$APP_URL"
)

# The app stands still when these two run, so the files are whole.
back_up() { # OLD VERSION
    local place
    place=$BACKUPS/$(date -u +%Y%m%dT%H%M%SZ)-$1
    mkdir -p "$place"
    find "$DATA" -maxdepth 1 -type f -name '*.sqlite*' -exec cp -p -t "$place" {} +
    echo "$place"
}

# A node of a cluster has its tables elsewhere, and nothing here.
restore() {
    find "$DATA" -maxdepth 1 -type f -name '*.sqlite*' -delete
    find "$1" -type f -exec cp -p -t "$DATA" {} +
}

visitors_wait() {
    # The discard port: nothing listens there, so the proxy shows its own page.
    sed -i "s/^UPSTREAM=.*/UPSTREAM='127.0.0.1:9'/" "$PROXY_ENV"
    systemctl reload whisper-proxy.service
}

# Restart, not reload: the proxy's own program may have changed with the release.
visitors_enter() {
    "$SCRIPTS/address.sh"
    systemctl restart whisper-proxy.service || no_proxy
}

tidy() { # IN USE TWICE
    find "$RELEASES" -mindepth 1 -maxdepth 1 -type d ! -path "$1" ! -path "$2" -printf '%T@ %p\n' |
        sort -rn | tail -n +$((KEEP - 1)) | cut -d' ' -f2- | xargs -r rm -rf --
    find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d | sort -r | tail -n +$((KEEP + 1)) | xargs -r rm -rf --
}

main "$@"
