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
  if [ -n "$replaced" ] && [ -n "$before" ] && [ "$now" != "$before" ]; then
    ln -sfn "$before" "$current"; now=$before
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
