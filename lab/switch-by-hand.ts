import type { CommandResult, Host } from "./host.ts";
import { WITH_FLAKES } from "./install.ts";
import type { Lab } from "./lab.ts";

export type SwitchMode = "switch" | "boot" | "test" | "dry-activate" | "check";

const SCRIPT = `set -e
closure=$(nix ${WITH_FLAKES} build --refresh --no-link --json "git+$1?ref=main#nixosConfigurations.$2.config.system.build.toplevel" | sed 's/.*"out":"\\([^"]*\\)".*/\\1/')
case "$3" in switch | boot) nix-env -p /nix/var/nix/profiles/system --set "$closure";; esac
exec "$closure/bin/switch-to-configuration" "$3"`;

/** Builds what the repository says of a host now and switches to it, as an administrator at the console would. */
export function switchTo(
  { repoUrl }: Pick<Lab, "repoUrl">,
  host: Host,
  mode: SwitchMode,
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return host.exec(["/bin/sh", "-c", SCRIPT, "switch", repoUrl, host.name, mode], { env });
}
