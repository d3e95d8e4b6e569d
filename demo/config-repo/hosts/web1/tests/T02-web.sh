#!/bin/sh
# nginx is there, and its unit runs that very nginx.
set -e
system="$NIXFLEET_SYSTEM_ROOT/run/current-system"
"$system/sw/bin/nginx"
unit=$(cat "$system/units/nginx.service")
[ "$("$unit/bin/nginx")" = "$("$system/sw/bin/nginx")" ]
