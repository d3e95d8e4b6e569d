/**
 * The steps of `darwin-rebuild switch` on a closure (darwin-rebuild.sh): `activate-user` as the primary user, where the closure has
 * one that is not just a note of its removal, then `activate`. That links /run/current-system last, so a link that names another
 * closure afterwards tells that the activation stopped half way.
 *
 * Meanwhile `activate` compares with what /run/current-system names: jobs and patches of that closure which its own does not have
 * are removed, and nix-daemon reads nix.conf again where the two differ (modules/system/launchd.nix, patches.nix and
 * modules/nix/default.nix of nix-darwin a1fa429, June 2026). After an activation that stopped half way the link still names the
 * closure before it, so nothing of the failed one would go. An undo therefore points the link to the closure that it replaces
 * first; if it fails, the link is put back, so that it never names what was not activated to its end. What removes a job can be
 * undone by nix-darwin's job at boot, which links what the profile names at the same time: a job that is left is a failure, and an
 * undo repeats its steps after one.
 *
 * The text is fixed; paths come as arguments. Where nobody has started the agent by sudo, the primary user is whom the console
 * belongs to; ls(1) tells that in the same words with the tools of macOS and with those of GNU.
 */
const ACTIVATE = `
closure=$1; current=$2; library=$3; replaced=$4
if [ -x "$closure/activate-user" ] && ! grep -q '^# nix-darwin: deprecated$' "$closure/activate-user"; then
  user=$SUDO_USER
  [ -n "$user" ] || { set -- $(ls -ld /dev/console); user=$3; }
  if [ -z "$user" ] || [ "$user" = root ]; then
    echo "error: activate-user has to run as the primary user, and nobody has logged in" >&2
    exit 1
  fi
  sudo "--user=$user" --set-home -- "$closure/activate-user" || exit
fi
before=$(readlink "$current")
[ ! -d "$replaced" ] || ln -sfn "$replaced" "$current" || exit
"$closure/activate"; code=$?
now=$(readlink "$current")
if [ "$now" != "$closure" ]; then
  if [ -n "$replaced" ] && [ "$now" != "$before" ]; then
    if [ -n "$before" ]; then ln -sfn "$before" "$current"; else rm -f "$current"; fi
    now=$before
  fi
  echo "error: the activation stopped half way (exit code $code): $current, which is linked last, names \${now:-nothing}" >&2
  [ "$code" -ne 0 ] || code=1
  exit "$code"
fi
[ -z "$replaced" ] || for directory in LaunchDaemons LaunchAgents; do
  for job in "$replaced/Library/$directory"/*.plist; do
    name=\${job##*/}
    [ -e "$job" ] && [ ! -e "$closure/Library/$directory/$name" ] && [ -e "$library/$directory/$name" ] || continue
    echo "error: the activation has left $library/$directory/$name of $replaced" >&2
    code=1
  done
done
exit "$code"`;

/** The program that activates a closure. `replaced`: the closure whose activation it undoes. */
export function activateDarwin(paths: {
  closure: string;
  /** `/run/current-system` */
  current: string;
  /** `/Library` */
  library: string;
  replaced?: string;
}): [string, ...string[]] {
  const { closure, current, library, replaced = "" } = paths;
  return ["/bin/sh", "-c", ACTIVATE, "nixfleet-darwin-activation", closure, current, library, replaced];
}

/**
 * The checks of a closure's own `activate`, as `darwin-rebuild check` means to run them: with `checkActivation=1` it ends after them.
 * Its first line is `#!/usr/bin/env -i SHELL` since January 2025, which takes that variable away (and lets darwin-rebuild activate
 * instead: nix-darwin/nix-darwin#1700), so the shell is called here. A nix-darwin of before May 2025 has its checks in
 * `activate-user`, and none to run here. Whoever has filled `preActivation` has commands that come before the checks, and so twice.
 *
 * What macOS forbids is said first: nix-darwin's own words know of a Terminal and of SSH, and not of a job of launchd.
 */
const CHECK = `
script=$1/activate; program=$2
grep -q checkActivation "$script" || exit 0
read -r line < "$script"
shell=\${line##* }; shell=\${shell#'#!'}
output=$(/usr/bin/env -i checkActivation=1 "$shell" "$script" 2>&1); code=$?
case $code:$output in
  0:*) ;;
  *"Full Disk Access"*|*"App Management"*|*"permission denied when trying to"*)
    echo "error: macOS forbids it to the runner. Grant Full Disk Access to $program" ;;
esac
printf '%s\n' "$output"
exit "$code"`;

/** The program that runs a closure's checks. `program`: whom macOS would have to grant more to. */
export function checkDarwin(closure: string, program: string): [string, ...string[]] {
  return ["/bin/sh", "-c", CHECK, "nixfleet-darwin-check", closure, program];
}
