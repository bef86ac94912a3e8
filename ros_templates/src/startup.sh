#!/bin/bash
# Content of the RunCommand: hands the values to start.sh on standard input, so that none of them is ever on a command
# line or in an environment. On an image without the app it installs the package first, if one is named. ROS fills in
# the names in braces, each Base64, its own or from a fixed list; "$" + "{!" is ROS's escape.
# shellcheck disable=SC2154,SC2016 # ROS fills them in
set -Eeuo pipefail
umask 077
root=${!WHISPER_ROOT:-}
start=$root/opt/whisper/current/scripts/start.sh
installing=$root/opt/whisper/installing # there while the installation is not finished

# fail CODE ZH EN : tells the stack why, or it waits until its time-out
fail() {
    trap - ERR
    ${CurlCli} -sS -f --retry 5 --data-binary "{\"status\": \"FAILURE\", \"id\": \"1\", \"data\": \"$1 | $2 | $3\"}"
    exit 1
}
trap '[ "$BASH_SUBSHELL" = 0 ] || exit 1; fail internal "启动命令第 $LINENO 行出错" "line $LINENO of the startup command failed"' ERR

decode() { printf '%s' "$1" | base64 -d; }

install_package() {
    local url sum work log=$root/var/log/whisper/install.log
    url=$(decode '${PackageUrlB64}')
    sum=$(decode '${PackageSha256B64}')
    [ -n "$url" ] || fail no_release "镜像中没有应用程序，请使用本服务的镜像，或填写安装包地址" "the image holds no application; use the image of this service, or name a package"
    install -d -m 755 "$root/opt" "$root/opt/whisper"
    mkdir -p "$root/var/log/whisper" "$root/var/tmp"
    work=$(mktemp -d "$root/var/tmp/whisper-install.XXXXXX")
    echo "下载 / download: ${!url%%\?*}"
    # the address may hold a signature: not on the command line
    printf 'url = "%s"\n' "$url" | curl -fsSL --proto =https --proto-redir =https --retry 5 --connect-timeout 20 --max-time 1200 -o "$work/package.tar.gz" -K - ||
        fail download "安装包下载失败，请检查地址和网络" "the package cannot be downloaded; check its address and the network"
    echo "$sum  $work/package.tar.gz" | sha256sum -c --status ||
        fail bad_package "安装包的 SHA-256 与填写的不符" "the package does not have the SHA-256 that was given"
    mkdir "$work/tree"
    tar -xzf "$work/package.tar.gz" -C "$work/tree" --no-same-owner || fail bad_package "安装包无法解开" "the package cannot be unpacked"
    touch "$installing"
    bash "$work/tree/scripts/install.sh" --models '${Model}' 2>&1 | tee -a "$log" ||
        fail install "安装失败: $(last_line "$log")" "the installation failed: $(last_line "$log")"
    rm -rf "$installing" "$work"
}

# for a JSON text
last_line() { grep . "$1" | tail -n 1 | tr -d '"\\|\000-\037' | cut -c1-300; }

if [ ! -f "$start" ] || [ -e "$installing" ]; then install_package; fi
address=$(decode '${DomainB64}')
[ -n "$address" ] || address=$(decode '${PublicIpB64}') # neither: start.sh finds the private one
exec bash "$start" <<VALUES
USER_B64=${UserB64}
PASSWORD_B64=${PasswordB64}
SIGNAL_B64=${SignalB64}
MODEL=${Model}
PUBLIC_ADDRESS=$address
SECRET_B64=${SecretB64}
VALUES
