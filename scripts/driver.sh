#!/usr/bin/env bash
# driver.sh : installs NVIDIA's driver where there is an NVIDIA device; elsewhere says so and does nothing. A driver that
# is there already is kept if it is new enough for the CUDA libraries of both engines.
#
#   DRIVER_URL     another .run file than NVIDIA's for mainland China; DRIVER_SHA256 is then its checksum
set -Eeuo pipefail
VERSION=580.95.05 # data centre branch that knows the A10
SHA256=849ef0ef8e842b9806b2cde9f11c1303d54f1a9a769467e4e5d961b2fe1182a7 # of NVIDIA's file of that version
LEAST=580         # CUDA 13 of torch 2.13 needs 580 (CUDA release notes, table 3); CUDA 12 of CTranslate2 needs 525
if [ -z "${DRIVER_URL:-}" ]; then
    DRIVER_URL=https://cn.download.nvidia.com/tesla/$VERSION/NVIDIA-Linux-x86_64-$VERSION.run DRIVER_SHA256=$SHA256
fi

has_card() { grep -qs 0x10de /sys/bus/pci/devices/*/vendor; }

version() { cat /sys/module/nvidia/version 2>/dev/null || modinfo -F version nvidia 2>/dev/null || true; }

if ! has_card; then
    echo "没有 NVIDIA 设备，跳过驱动 / no NVIDIA device: driver skipped"
    exit 0
fi
installed=$(version)
if [ -n "$installed" ] && [ "${installed%%.*}" -ge "$LEAST" ]; then
    echo "驱动 / driver $installed"
    exit 0
fi
[ -z "$installed" ] || { echo "driver $installed is older than $LEAST, which the CUDA libraries need: remove it first" >&2; exit 1; }
[[ ${DRIVER_SHA256:-} =~ ^[0-9a-f]{64}$ ]] || { echo "set DRIVER_SHA256 to the SHA-256 of $DRIVER_URL" >&2; exit 1; }

apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    dkms gcc make libc6-dev "linux-headers-$(uname -r)" >/dev/null
file=/var/cache/whisper-driver-$VERSION.run
curl -fL --retry 5 --retry-all-errors -C - -o "$file" "$DRIVER_URL"
echo "$DRIVER_SHA256  $file" | sha256sum -c --quiet || { rm -f "$file"; echo "$DRIVER_URL is not the file with that checksum" >&2; exit 1; }
modprobe -qr nouveau || true # where the kernel has that driver, it holds the card
sh "$file" --silent --dkms --no-questions --no-x-check --no-nouveau-check --disable-nouveau
rm "$file"
# The app may not load modules; the device files are made at boot.
printf 'nvidia\nnvidia-uvm\n' >/etc/modules-load.d/whisper-nvidia.conf
nvidia-smi -L || echo "驱动将在重启后生效 / the driver works after a reboot"
