#!/usr/bin/env bash
# Makes the demo clips of the page and of the health gate from their texts. Needs flite, espeak-ng and sox:
#   apt-get install flite espeak-ng sox
set -Eeuo pipefail
cd "$(dirname "$0")/../service_app/assets/clips"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flite -voice slt -f demo-en.txt -o "$work/en.wav"
espeak-ng -v cmn -s 150 -f demo-zh.txt -w "$work/zh.wav"
for lang in en zh; do
    # -R: the same dither every time, so that the file is the same every time
    sox -R "$work/$lang.wav" -r 16000 -c 1 -b 16 "demo-$lang.wav" gain -n -3 pad 0.2 0.3
done
