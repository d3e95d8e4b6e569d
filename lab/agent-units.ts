import type { ModuleRequest } from "../modules/evaluate.ts";
import { renderUnits } from "../modules/render-units.ts";
import type { HostConfiguration } from "./host-configuration.ts";

/** What a host's own configuration sets of `services.nixfleet-agent`. */
export type AgentSettings = Readonly<Record<string, unknown>>;

/** What the agent's module makes of them. */
export interface InstalledAgent {
  /** By name; @agent@ in them stands for the agent's store path, which is known when the closure is built. */
  readonly units: Readonly<Record<string, string>>;
  /** Below /etc, or below the home. */
  readonly etc: Readonly<Record<string, string>>;
}

/** Evaluates the agent's own module, with Debian's /usr in place of the packages that NixOS would give it. */
export async function installedAgent(
  { platform, user }: Pick<HostConfiguration, "platform" | "user">,
  settings: AgentSettings,
): Promise<InstalledAgent> {
  const isNixos = platform === "nixos";
  const home = `/home/${user}`;
  const made = isNixos ? "nixfleet/made" : ".config/nixfleet/made";
  const request: ModuleRequest = {
    settings: { enable: true, ...settings },
    ...(!isNixos && {
      host: {
        xdg: { stateHome: `${home}/.local/state`, configHome: `${home}/.config` },
        home: { profileDirectory: `${home}/.nix-profile` },
      },
    }),
    package: "@agent@",
    packagesAt: "/usr",
  };
  const rendered = await renderUnits(platform, request, `${isNixos ? "/etc" : home}/${made}`);
  const files = Object.entries(rendered.made).map(([name, text]) => [`${made}/${name}`, text] as const);
  return {
    units: rendered.units,
    etc: { ...Object.fromEntries(files), ...(isNixos && systemFiles(rendered.also as unknown as Also)) },
  };
}

/** What the NixOS module tells the system beside its units. */
interface Also {
  users: Record<string, { group: string; home: string; description: string }>;
  groups: Record<string, unknown>;
  tmpfiles: string[];
}

/** Users and directories as files of systemd's, which this host's activation and boot read. */
function systemFiles({ users, groups, tmpfiles }: Also): Record<string, string> {
  const lines = [
    ...Object.keys(groups).map((name) => `g ${name} -`),
    ...Object.entries(users).flatMap(([name, { group, home, description }]) => [`u ${name} -:${group} "${description}" ${home}`]),
  ];
  return {
    "sysusers.d/nixfleet.conf": `${lines.join("\n")}\n`,
    "tmpfiles.d/nixfleet.conf": `${tmpfiles.join("\n")}\n`,
    // systemd-nspawn gives each boot of a host a boot id of its own by a mount, which ProtectKernelTunables= takes off again. On
    // a machine it is the kernel's, and daemon and runner see the same one.
    "systemd/system/nixfleet-agent.service.d/lab.conf":
      "[Service]\nBindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id\n",
    "tmpfiles.d/lab.conf": "C /run/boot-id 0444 root root - /proc/sys/kernel/random/boot_id\n",
  };
}
