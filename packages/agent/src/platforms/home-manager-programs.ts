import { join } from "node:path";
import type { Before } from "./platform.ts";

/** Where Home Manager keeps what it knows of itself, for one user. */
export interface HomePlaces {
  /** Which generation was activated last. Activations since 25.05 compare with it, and link it as the very last thing they do. */
  current: string;
  /** The user's own directory of profiles, and the one below Nix's state that is used where that is missing. */
  profiles: string;
  sharedProfiles: string;
}

/** The name of the profile in its directory. */
export const PROFILE = "home-manager";

// No text may hold a brace behind a dollar sign: systemd-run puts its own variables there (systemd.service(5), "Command lines").

/**
 * While the user's systemd starts, Home Manager leaves all units as they are, and ends with success: that is waited for. One that
 * does not get there keeps nobody from coming home.
 */
const SETTLE = "timeout 60 systemctl --user is-system-running --wait >/dev/null 2>&1";

/**
 * Activates a generation as `home-manager switch` does: the profile is the caller's to set since 25.11 (driver version 1). Older
 * generations set it themselves and read no arguments.
 */
export function activate(closure: string, { isUserSystemd }: { isUserSystemd: boolean }): readonly [string, ...string[]] {
  const argv = [join(closure, "activate"), "--driver-version", "1"] as const;
  return isUserSystemd ? ["/bin/sh", "-c", `${SETTLE}; exec "$@"`, "nixfleet-home", ...argv] : argv;
}

/**
 * Points the profile to a generation, where the activation left that to its caller. The directory is chosen as Home Manager does.
 * The text is fixed; paths come as arguments.
 */
const SET_PROFILE = 'if [ -d "$1" ]; then profile=$1/$3; else profile=$2/$3; fi; shift 3; exec nix-env --profile "$profile" "$@"';

export function setProfile(
  { profiles, sharedProfiles }: HomePlaces,
  closure: string,
  generation: number | undefined,
): readonly [string, ...string[]] {
  const words = generation === undefined ? ["--set", closure] : ["--switch-generation", String(generation)];
  return ["/bin/sh", "-c", SET_PROFILE, "nixfleet-home", profiles, sharedProfiles, PROFILE, ...words];
}

/**
 * Activates the previous generation so that it finds out what the failed one has brought: an activation removes links and stops units
 * of the generation that it takes for the current one. Since 25.05 that is `current-home`, before it was the profile. What stands in
 * the way of the previous generation's links by now is moved aside: files of the home's own must not keep it from coming home.
 */
const UNDO = `own=$1 shared=$2 name=$3 current=$4 failed=$5 back=$6 generation=$7 closure=$8
if [ -d "$own" ]; then profile=$own/$name; else profile=$shared/$name; fi
mkdir -p "$(dirname "$current")" && ln -sfn "$failed" "$current"
[ -e "$back/gen-version" ] || nix-env --profile "$profile" --set "$failed"
HOME_MANAGER_BACKUP_EXT=before-undo-$(date +%Y%m%d-%H%M%S)
export HOME_MANAGER_BACKUP_EXT
"$back/activate" --driver-version 1
code=$?
if [ -n "$generation" ] && [ "$(readlink "$profile")" != "$name-$generation-link" ]; then
  nix-env --profile "$profile" --switch-generation "$generation"
fi
if [ -n "$closure" ] && [ "$(readlink -f "$profile")" != "$closure" ]; then nix-env --profile "$profile" --set "$closure"; fi
`;

/**
 * What the previous generation's activation leaves: that a unit of the failed one alone has failed, which systemd knows without a file
 * until somebody resets it, while systemctl fails for one that is gone; what else is left is compared afterwards. And where it only
 * prints which units to stop and start (`startServices = "suggest"`, the default before 25.05), after one that did it, all of that.
 */
const UNDO_UNITS = `units=home-files/.config/systemd/user
for unit in "$failed/$units"/*.*; do
  name=$(basename "$unit")
  if [ -f "$unit" ] && [ ! -e "$back/$units/$name" ]; then systemctl --user reset-failed "$name" 2>/dev/null; fi
done
if grep -q systemd-activate.sh "$back/activate" && ! grep -q systemd-activate.sh "$failed/activate"; then
  systemctl --user daemon-reload
  for unit in "$failed/$units"/*.*; do
    name=$(basename "$unit")
    if [ ! -f "$unit" ] || grep -q '^X-SwitchMethod=keep-old' "$unit"; then continue; fi
    if [ ! -e "$back/$units/$name" ]; then systemctl --user stop "$name" || code=1
    elif ! cmp -s "$unit" "$back/$units/$name"; then systemctl --user try-restart "$name" || code=1; fi
  done
  for unit in "$back/$units"/*.target.wants/*.*; do
    name=$(basename "$unit")
    if [ -f "$unit" ] && [ ! -e "$failed/$units/$name" ]; then systemctl --user start "$name" || code=1; fi
  done
fi
`;

export function undoActivation(
  { current, profiles, sharedProfiles }: HomePlaces,
  { closure: back, profile }: Before,
  { failed, isUserSystemd }: { failed: string; isUserSystemd: boolean },
): readonly [string, ...string[]] {
  const text = `${isUserSystemd ? `${SETTLE}\n${UNDO}${UNDO_UNITS}` : UNDO}exit "$code"`;
  const places = [profiles, sharedProfiles, PROFILE, current];
  const before = [profile?.generation === undefined ? "" : String(profile.generation), profile?.closure ?? ""];
  return ["/bin/sh", "-c", text, "nixfleet-home", ...places, failed, back, ...before];
}

/** Moves files of the home back to where they were before Home Manager moved them aside, unless something else is there. */
const MOVE_BACK = `cd "$1" || exit
extension=$2
shift 2
for file; do
  if [ -e "$file.$extension" ] && [ ! -e "$file" ] && [ ! -L "$file" ]; then
    mkdir -p "$(dirname "./$file")" && mv "./$file.$extension" "./$file" && echo "Moved $file.$extension back to $file"
  fi
done`;

/** So many files in one program: a program has at most 100 words in the armed record. */
const FILES_AT_ONCE = 90;

export function moveBack(home: string, extension: string, files: readonly string[]): (readonly [string, ...string[]])[] {
  const programs: (readonly [string, ...string[]])[] = [];
  for (let at = 0; at < files.length; at += FILES_AT_ONCE) {
    programs.push(["/bin/sh", "-c", MOVE_BACK, "nixfleet-home", home, extension, ...files.slice(at, at + FILES_AT_ONCE)]);
  }
  return programs;
}
