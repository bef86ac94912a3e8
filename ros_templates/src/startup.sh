#!/bin/bash
# Content of the RunCommand: hands the values to start.sh on standard input, so that none of them is ever on a command
# line or in an environment. ROS fills in the names in braces, each Base64 or from a fixed list; "$" + "{!" is ROS's escape.
set -eu
exec bash "${!WHISPER_ROOT:-}/opt/whisper/current/scripts/start.sh" <<'VALUES'
USER_B64=${UserB64}
PASSWORD_B64=${PasswordB64}
SIGNAL_B64=${SignalB64}
MODEL=${Model}
PUBLIC_ADDRESS=${PublicAddress}
VALUES
