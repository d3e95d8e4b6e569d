#!/bin/sh
# Plays the `activate` of a generation of Home Manager, for tests and the lab. @version@ is 24.11, 25.05, or 25.11 for what came since.
#
# Held against release-24.11 (d5f1f641), release-25.05 (44831a7e), release-25.11 (3ee51fbd) and master (ec1a8fdf, August 2026) of
# github.com/nix-community/home-manager on Nix 2.34.8 by lab/home-manager/hold.sh, which does the same steps with both and compares the
# homes. docs/decisions/0064 tells where that runs.
set -eu
PATH="$PATH:@path@"
version=@version@ generation=@out@ files=@files@
state=${XDG_STATE_HOME:-$HOME/.local/state}
current=$state/home-manager/gcroots/current-home

# Only since 25.11 are there arguments. What older ones are given they do not read.
driver=0
if [ "$version" = 25.11 ] && [ $# -gt 0 ]; then
  [ "$1" = --driver-version ] || { echo "$0: unknown option '$1'" >&2; exit 1; }
  driver=$2
fi

# So that a test can count activations.
[ -z "${NIXFLEET_SYSTEM_ROOT-}" ] || echo "activate $generation" >> "$NIXFLEET_SYSTEM_ROOT/activations"
echo "Starting Home Manager activation"
# The real one asks Nix for something, which makes these.
mkdir -p "$state/nix/profiles" "$state/home-manager/gcroots"
profile=$state/nix/profiles/home-manager
if [ "$version" = 24.11 ]; then old=$(readlink -e "$profile" || true); else old=$(readlink -e "$current" || true); fi

set_profile() {
  if [ "$old" = "$generation" ]; then
    echo "No change so reusing latest profile generation"
  else
    echo "Creating new profile generation"
    nix-env --profile "$profile" --set "$generation"
  fi
}

# The names of all files and links below a directory. No name has a line's end in it.
names() {
  (cd "$1" && find . ! -type d | cut -c 3-)
}

leads_to_a_home() {
  case $(readlink "$1" || true) in
    */*-home-manager-files/*) ;;
    *) return 1 ;;
  esac
}

echo "Activating checkFilesChanged"
echo "Activating checkLinkTargets"
in_the_way=
for name in $(names "$files"); do
  target=$HOME/$name
  if [ ! -e "$target" ] || leads_to_a_home "$target" || cmp -s "$files/$name" "$target"; then continue; fi
  if [ ! -L "$target" ] && [ -n "${HOME_MANAGER_BACKUP_EXT-}" ] && [ ! -e "$target.$HOME_MANAGER_BACKUP_EXT" ]; then
    echo "Existing file '$target' is in the way of '$files/$name', will be moved to '$target.$HOME_MANAGER_BACKUP_EXT'" >&2
    continue
  fi
  echo "Existing file '$target' would be clobbered" >&2
  in_the_way=yes
done
[ -z "$in_the_way" ] || exit 1

echo "Activating writeBoundary"
if [ "$version" = 25.05 ] || { [ "$version" = 25.11 ] && [ "$driver" -lt 1 ]; }; then set_profile; fi

echo "Activating linkGeneration"
if [ -n "$old" ] && [ -e "$old/home-files" ]; then
  echo "Cleaning up orphan links from $HOME"
  old_files=$(readlink -e "$old/home-files")
  for name in $(names "$old_files"); do
    [ ! -e "$files/$name" ] || continue
    if leads_to_a_home "$HOME/$name"; then
      rm "$HOME/$name"
      (cd "$HOME" && rmdir -p --ignore-fail-on-non-empty "./$(dirname "$name")" 2> /dev/null || true)
    else
      echo "Path '$HOME/$name' does not link into a Home Manager generation. Skipping delete." >&2
    fi
  done
fi
if [ "$version" = 24.11 ]; then
  set_profile
  [ "$old" = "$generation" ] || nix-store --realise "$generation" --add-root "$current" --indirect > /dev/null
fi
echo "Creating home file links in $HOME"
for name in $(names "$files"); do
  target=$HOME/$name
  if [ -e "$target" ] && [ ! -L "$target" ] && [ -n "${HOME_MANAGER_BACKUP_EXT-}" ]; then
    mv "$target" "$target.$HOME_MANAGER_BACKUP_EXT"
  fi
  if [ -e "$target" ] && [ ! -L "$target" ] && cmp -s "$files/$name" "$target"; then continue; fi
  mkdir -p "$(dirname "$target")"
  ln -Tsf "$files/$name" "$target"
done

echo "Activating onFilesChange"
# What else an activation does past its write boundary: units, and what a person's own configuration adds.
@activation@

if [ "$version" != 24.11 ]; then nix-store --realise "$generation" --add-root "$current" > /dev/null; fi
