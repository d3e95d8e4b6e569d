#!/bin/sh
# The shell and the editor of the home are there.
set -e
home="${XDG_STATE_HOME:-$HOME/.local/state}/home-manager/gcroots/current-home/home-path"
"$home/bin/fish"
"$home/bin/neovim"
