#!/bin/bash
# Holds testkit/flake-fixture/activate-home.sh against the real Home Manager: the same steps in the same home with both, and what is
# different afterwards. Run it as a user whose home is empty but for dot files of a shell, on a Debian with Nix and a nix-daemon:
#
#   hold.sh HOME_MANAGER NIXPKGS VERSION
#
# HOME_MANAGER is a checkout of github.com/nix-community/home-manager, NIXPKGS what packages.nix asks for, VERSION what the fixture is
# told to play: 24.11, 25.05, or 25.11 for every later one.
set -eu
home_manager=$1 nixpkgs=$2 version=$3
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
state=$HOME/.local/state
trap 'rm -rf "$work"' EXIT

files() { # NAME FILE…: an attribute set of home.file
  name=$1
  shift
  for file; do echo "home.file.\"$file\".text = \"$name\\n\";"; done
}
declare -A generations
one=(.config/both .config/one/deep/file)
two=(.config/both .config/two/file .mine)
for name in one two; do
  declare -n list=$name
  echo "{ systemd.user.enable = false; xdg.enable = false; $(files $name "${list[@]}") }" > "$work/$name.nix"
  generations[real,$name]=$(nix-build --quiet "$here/generation.nix" --arg homeManager "$home_manager" --arg nixpkgs "$nixpkgs" \
    --argstr user "$USER" --arg configuration "$work/$name.nix" --no-out-link 2> /dev/null)
  # The fixture's, with the very files of the real one.
  linked=$(readlink -f "${generations[real,$name]}/home-files")
  mkdir -p "$work/$name"
  sed -e "s|@version@|$version|; s|@files@|$linked|; s|@path@|$PATH|; s|@activation@||" \
    "$here/../../packages/testkit/flake-fixture/activate-home.sh" > "$work/$name/activate"
  [ "$version" != 25.11 ] || echo 1 > "$work/$name/gen-version"
  generations[played,$name]=$(nix-build --quiet --no-out-link -E "derivation {
    name = \"home-manager-generation\"; system = builtins.currentSystem; builder = \"/bin/sh\"; of = $work/$name; linked = builtins.storePath $linked;
    args = [ \"-c\" \"/bin/cp -r \$of \$out; /bin/chmod -R +w \$out; /bin/sed -i s,@out@,\$out, \$out/activate; /bin/chmod +x \$out/activate; /bin/ln -s \$linked \$out/home-files\" ];
  }" 2> /dev/null)
done

look() {
  echo "exit code $1, profile $(readlink "$state/nix/profiles/home-manager" || echo none)"
  for link in "$state/home-manager/gcroots/current-home" "$state/nix/profiles/home-manager"; do
    echo "$(basename "$link") is $(known "$(readlink -e "$link" || true)")"
  done
  (cd "$HOME" && find . \( -path ./.local -o -path ./.cache -o -path './.nix*' \) -prune -o -printf '%P -> %l\n' | sort)
}
known() {
  case $1 in
    "${generations[real,one]}" | "${generations[played,one]}") echo one ;;
    "${generations[real,two]}" | "${generations[played,two]}") echo two ;;
    *) echo "${1:-none}" ;;
  esac
}
clean() {
  find "$HOME" -lname '*-home-manager-files/*' -delete
  rm -rf "$state/home-manager" "$state/nix/profiles"/home-manager* "$HOME/.config" "$HOME"/.mine*
  mkdir -p "$HOME/.config"
}
run() { # WHO GENERATION [ARGUMENT…]: as `home-manager switch` of that version
  generation=${generations[$1,$2]}
  shift 2
  code=0
  "$generation/activate" "$@" > "$work/said" 2>&1 || code=$?
  look $code
}
for who in real played; do
  clean
  {
    echo "== the first time, without arguments" && run $who one
    echo "== again" && run $who one
    echo mine > "$HOME/.mine"
    echo "== a file in the way" && run $who two --driver-version 1
    echo "== moved aside" && HOME_MANAGER_BACKUP_EXT=aside run $who two --driver-version 1
    echo "== back, where the other one is not the current one" && ln -sfn "${generations[$who,one]}" "$state/home-manager/gcroots/current-home"
    run $who one --driver-version 1
    echo "== back, where it is" && ln -sfn "${generations[$who,two]}" "$state/home-manager/gcroots/current-home"
    run $who one --driver-version 1
    rm "$HOME/.config/both" && echo one > "$HOME/.config/both"
    echo "== an equal file in place of a link" && run $who one --driver-version 1
  } > "$work/$who.txt"
done
clean
cat "$work/real.txt" | grep -c . | sed "s/$/ lines seen of $(cat "${generations[real,one]}/hm-version")/"
diff "$work/real.txt" "$work/played.txt" && echo "The fixture does the same."
