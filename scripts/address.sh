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
    if in_cluster; then
        behind_balancer
    else
        of_its_own
    fi
    cards
}

# On a node of a cluster people come through the load balancer, which has the certificate; nothing changes by itself.
behind_balancer() {
    local url
    url=$(setting PUBLIC_URL "$CLUSTER_ENV")
    if replaced "$PROXY_ENV" <<VALUES; then
# Values of the proxy, written by address.sh
TOPOLOGY='cluster'
ADDRESS='$(sed -E 's#^https?://([^:/]*).*#\1#' <<<"$url")'
ADDRESS_KIND='domain'
CERTIFICATE='none'
UPSTREAM='127.0.0.1:$(setting WHISPER_PORT "$ENV_FILE")'
ACME_DIRECTORY=''
TRUSTED_PROXIES='$(setting BALANCER "$CLUSTER_ENV")'
VALUES
        say "负载均衡 / load balancer: $url"
        reload
    fi
    public_url "$url"
}

of_its_own() {
    local address kind certificate=self-signed
    address=$(choose_address)
    kind=domain
    if is_ip "$address"; then kind=ip; fi
    make_self_signed "$address"
    if trusted_certificate "$address" >/dev/null; then certificate=trusted; fi

    if replaced "$PROXY_ENV" <<VALUES; then
# Values of the proxy, written by address.sh
TOPOLOGY='single'
ADDRESS='$address'
ADDRESS_KIND='$kind'
CERTIFICATE='$certificate'
UPSTREAM='127.0.0.1:$(setting WHISPER_PORT "$ENV_FILE")'
ACME_DIRECTORY='$(acme_directory)'
VALUES
        say "地址 / address: $address, 证书 / certificate: $certificate"
        RELOAD=1
    fi
    if [ -n "$RELOAD" ]; then reload; fi
    public_url "https://$address"
}

# In its own unit it must not wait: app and proxy start after that unit, so their jobs run when it has ended.
reload() {
    if systemctl is-active -q whisper-proxy.service; then systemctl reload ${WHISPER_NO_WAIT:+--no-block} whisper-proxy.service; fi
}

public_url() { # URL
    if replaced "$ENV_FILE" < <(sed "s|^WHISPER_PUBLIC_URL=.*|WHISPER_PUBLIC_URL='$1'|" "$ENV_FILE"); then
        systemctl try-restart --no-block whisper.service
    fi
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
