#!/bin/sh
# The database and its pool come from this system.
set -e
system="$NIXFLEET_SYSTEM_ROOT/run/current-system"
"$system/sw/bin/postgresql"
"$system/sw/bin/pgbouncer"
sleep 1
echo "accepting connections"
