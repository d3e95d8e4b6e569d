#!/bin/sh
# The system that runs is the one of this host.
system="$NIXFLEET_SYSTEM_ROOT/run/current-system"
name=$(cat "$system/etc/hostname")
echo "hostname: $name, $("$system/sw/bin/nixos-version")"
[ "$name" = db1 ]
