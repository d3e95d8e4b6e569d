import type { Host } from "./host.ts";
import { HOST_KINDS, type HostKind } from "./host-kinds.ts";

/** Of a Nix whose configuration switches none of it on. */
export const WITH_FLAKES = "--extra-experimental-features 'nix-command flakes'";

/**
 * Installs a host from the config repository as nixos-install does: builds its closure with its own Nix, makes it the first
 * generation and lets its activator write the boot entry. The host is off before and after.
 */
export async function installNixos(host: Host, repository: string): Promise<void> {
  const script = `set -e
derivation=$(nix ${WITH_FLAKES} eval --raw --no-update-lock-file "git+$1?ref=main#nixosConfigurations.$2.config.system.build.toplevel.drvPath")
closure=$(nix-store --realise "$derivation")
nix-env -p /nix/var/nix/profiles/system --set "$closure"
"$closure/bin/switch-to-configuration" boot`;
  await host.runOffline(["/bin/sh", "-c", script, "install", repository, host.name]);
}

/**
 * Makes the user of a home, whose services run without a login (loginctl(1), lingering). The Nix store is all theirs where no
 * daemon has it. The host is off.
 */
export async function makeUser(host: Host, user: string, kind: HostKind): Promise<void> {
  const store = HOST_KINDS[kind].nixDaemon
    ? 'systemctl --quiet enable nix-daemon.socket\nusermod --append --groups nix-users "$1"'
    : 'chown "$1" /nix';
  const script = `set -e
useradd --create-home --shell /bin/bash "$1"
${store}
mkdir -p /var/lib/systemd/linger
touch "/var/lib/systemd/linger/$1"`;
  await host.runOffline(["/bin/sh", "-c", script, "make-user", user]);
}

/** Activates a home for the first time, in its user's running session. */
export async function activateHome(host: Host, user: string, repository: string): Promise<void> {
  await host.untilUnit(`user@${(await host.run("id", "-u", user)).trim()}.service`);
  const script = `set -e
derivation=$(nix ${WITH_FLAKES} eval --raw --no-update-lock-file "git+$1?ref=main#homeConfigurations.\\"$2\\".activationPackage.drvPath")
"$(nix-store --realise "$derivation")/activate"`;
  const argv = ["/bin/sh", "-c", script, "activate", repository, `${user}@${host.name}`] as const;
  const { exitCode, stdout, stderr } = await host.exec(argv, { user });
  if (exitCode !== 0) throw new Error(`The home of ${user} could not be activated: ${exitCode}\n${stdout}\n${stderr}`);
}
