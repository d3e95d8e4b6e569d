#!/bin/sh
# The backup programs are there.
set -e
for program in pgbackrest borgbackup; do
  "$NIXFLEET_SYSTEM_ROOT/run/current-system/sw/bin/$program"
done
