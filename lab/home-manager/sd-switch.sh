#!/bin/bash
# Plays sd-switch 0.6, which cannot be had here, by the switch methods that its documentation names (docs.rs/sd-switch, UnitSwitchMethod).
old= new= dry=
while [ $# -gt 0 ]; do case "$1" in
  --old-units) old=$2; shift 2;; --new-units) new=$2; shift 2;; --timeout) shift 2;; --dry-run) dry=1; shift;; *) shift;; esac; done
method() { sed -n 's/^X-SwitchMethod=//p' "$1" | tail -1; }
names() { [ -z "$1" ] || (cd "$1" && for f in *.*; do [ -f "$f" ] && echo "$f"; done); }
active() { systemctl --user --quiet is-active "$1"; }
run() { [ -n "$dry" ] || systemctl --user "$@"; }
stop=() start=() restart=()
for u in $(names "$old"); do
  active "$u" || continue
  if [ ! -e "$new/$u" ]; then [ "$(method "$old/$u")" = keep-old ] || stop+=("$u")
  elif ! cmp -s "$old/$u" "$new/$u"; then
    case "$(method "$new/$u")" in keep-old) ;; restart) restart+=("$u");; *) stop+=("$u"); start+=("$u");; esac
  fi
done
for w in "$new"/*.target.wants; do [ -d "$w" ] || continue; t=$(basename "$w" .wants); active "$t" || continue
  for f in "$w"/*; do u=$(basename "$f"); active "$u" || start+=("$u"); done; done
rc=0
[ ${#stop[@]} -eq 0 ] || { echo "Stopping units: ${stop[*]}"; run stop "${stop[@]}" || rc=1; }
run daemon-reload
[ ${#restart[@]} -eq 0 ] || { echo "Restarting units: ${restart[*]}"; run restart "${restart[@]}" || rc=1; }
[ ${#start[@]} -eq 0 ] || { echo "Starting units: ${start[*]}"; run start "${start[@]}" || rc=1; }
exit $rc
