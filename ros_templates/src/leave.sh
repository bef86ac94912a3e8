#!/bin/bash
# What OOS runs on a node that leaves: it finishes or hands over its work. The group goes on whatever comes of it, because
# what is left undone is taken over by the other nodes.
exec bash "${!WHISPER_ROOT:-}/opt/whisper/current/scripts/drain.sh" --leave
