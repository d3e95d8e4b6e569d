#!/bin/sh
# The browser starts.
set -e
home="${XDG_STATE_HOME:-$HOME/.local/state}/home-manager/gcroots/current-home/home-path"
"$home/bin/firefox"
