#!/usr/bin/env bash
# Makes the settings follow the machine. Runs in start.sh, at each boot before the app, and by a timer:
#
#   address      the domain of the deployment; else the public IP that the machine has now
#   certificate  a self-signed one for that address at once; the trusted one as soon as the proxy has got it
#   cards        the graphics cards, noted in the log; the app takes all that are there
#
# Writes etc/whisper/proxy.env, the public address in whisper.env, and reloads or restarts only what a change concerns.
set -Eeuo pipefail
umask 077
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

PROXY_DATA=/var/lib/whisper-proxy
SELF_SIGNED=$PROXY_DATA/self-signed
CHOSEN=$ETC/address # what the deployment said: a domain, an IP, or nothing

main() {
    install -d -m 755 "$RUN"
    exec 8>"$RUN/address.lock"
    flock 8
    RELOAD=
    local address kind certificate=self-signed
    address=$(choose_address)
    kind=domain
    if is_ip "$address"; then kind=ip; fi
    make_self_signed "$address"
    if trusted_certificate "$address" >/dev/null; then certificate=trusted; fi

    if replaced "$PROXY_ENV" <<VALUES; then
# Values of the proxy, written by address.sh
ADDRESS='$address'
ADDRESS_KIND='$kind'
CERTIFICATE='$certificate'
UPSTREAM='127.0.0.1:$(setting WHISPER_PORT "$ENV_FILE")'
ACME_DIRECTORY='$(acme_directory)'
VALUES
        say "地址 / address: $address, 证书 / certificate: $certificate"
        RELOAD=1
    fi
    if [ -n "$RELOAD" ] && systemctl is-active -q whisper-proxy.service; then
        # In its own unit it must not wait: app and proxy start after that unit, so their jobs run when it has ended.
        systemctl reload ${WHISPER_NO_WAIT:+--no-block} whisper-proxy.service
    fi
    if replaced "$ENV_FILE" < <(sed "s|^WHISPER_PUBLIC_URL=.*|WHISPER_PUBLIC_URL='https://$address'|" "$ENV_FILE"); then
        systemctl try-restart --no-block whisper.service
    fi
    cards
}

# The domain of the deployment stays; an IP is followed, because a stopped machine comes back with another one.
choose_address() {
    local chosen now
    chosen=$(cat "$CHOSEN" 2>/dev/null) || chosen=''
    if [ -n "$chosen" ] && ! is_ip "$chosen"; then
        echo "$chosen"
        return
    fi
    if now=$(metadata eipv4) || now=$(metadata public-ipv4); then
        echo "$now"
    elif [ -n "$chosen" ]; then
        echo "$chosen"
    else
        metadata private-ipv4 || hostname -I | cut -d' ' -f1
    fi
}

is_ip() { [[ $1 =~ ^[0-9.]+$|: ]]; }

# metadata ITEM : of the instance's metadata service, with a token (IMDSv2); exit 1 where it has none
metadata() {
    local token base=http://100.100.100.200/latest
    token=$(curl -sf -m 3 -X PUT -H 'X-aliyun-ecs-metadata-token-ttl-seconds: 60' $base/api/token) || return 1
    curl -sf -m 3 -H "X-aliyun-ecs-metadata-token: $token" "$base/meta-data/$1" | grep .
}

# 397 days: the longest that browsers take. Made anew for another address, and a month before it ends.
make_self_signed() {
    local name=DNS:$1 cert=$SELF_SIGNED/cert.pem
    if is_ip "$1"; then name=IP:$1; fi
    if [ "$(cat "$SELF_SIGNED/name" 2>/dev/null)" = "$name" ] && openssl x509 -in "$cert" -noout -checkend 2592000 >/dev/null 2>&1; then
        return
    fi
    install -d -o whisper-proxy -g whisper-proxy -m 700 "$PROXY_DATA"
    # As the proxy's user: what root wrote or gave away in that user's folder could be a link to anything.
    # shellcheck disable=SC2016 # expanded by that shell
    setpriv --reuid=whisper-proxy --regid=whisper-proxy --clear-groups --no-new-privs -- \
        bash -euo pipefail -c '
            umask 077
            rm -rf -- "$1.new"
            mkdir -- "$1.new"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 397 -subj "/O=Whisper/CN=$2" \
                -addext "subjectAltName=$3" -addext keyUsage=digitalSignature -addext extendedKeyUsage=serverAuth \
                -keyout "$1.new/key.pem" -out "$1.new/cert.pem" 2>/dev/null
            printf "%s\n" "$3" >"$1.new/name"
            rm -rf -- "$1"
            mv -T -- "$1.new" "$1"' bash "$SELF_SIGNED" "$1" "$name"
    RELOAD=1 # the proxy reads the files only when it loads its configuration
}

# The certificate that the proxy got from an authority, if it is good for six more hours; the proxy renews it long before.
trusted_certificate() {
    local file
    for file in "$PROXY_DATA"/certificates/*/"$1/$1.crt"; do
        if openssl x509 -in "$file" -noout -checkend 21600 >/dev/null 2>&1; then
            echo "$file"
            return
        fi
    done
    return 1
}

acme_directory() {
    cat "$ETC/acme-directory" 2>/dev/null || echo https://acme-v02.api.letsencrypt.org/directory
}

cards() {
    local now
    now=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU') || now=0
    if replaced "$RUN/cards" <<<"$now"; then say "显卡 / graphics cards: $now"; fi
}

main
