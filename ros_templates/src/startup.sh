#!/bin/bash
# Content of the RunCommand: hands the values to start.sh on standard input, so that none of them is ever on a command
# line or in an environment. ROS fills in the names in braces, each Base64, its own or from a fixed list; "$" + "{!" is
# ROS's escape.
set -eu
start="${!WHISPER_ROOT:-}/opt/whisper/current/scripts/start.sh"
if [ ! -f "$start" ]; then # not this service's image: say so now, or the stack waits until its time-out
    # shellcheck disable=SC2154 # ROS fills it in
    ${CurlCli} -sS -f --retry 5 --data-binary '{"status": "FAILURE", "id": "1", "data": "no_release | 镜像中没有应用程序，请使用本服务的镜像 | the image holds no application; use the image of this service"}'
    exit 1
fi
exec bash "$start" <<'VALUES'
USER_B64=${UserB64}
PASSWORD_B64=${PasswordB64}
SIGNAL_B64=${SignalB64}
MODEL=${Model}
PUBLIC_ADDRESS=${PublicAddress}
VALUES
