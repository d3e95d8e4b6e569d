import type { ModuleRequest } from "../modules/evaluate.ts";
import { renderUnits } from "../modules/render-units.ts";
import type { HostConfiguration } from "./host-configuration.ts";
import { DEFAULT_KIND, HOST_KINDS, type HostKind } from "./host-kinds.ts";

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
  kind: HostKind = DEFAULT_KIND,
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
    etc: { ...Object.fromEntries(files), ...(isNixos && systemFiles(rendered.also as unknown as Also, kind)) },
  };
}

/** What the NixOS module tells the system beside its units. */
interface Also {
  users: Record<string, { group: string; home: string; description: string }>;
  groups: Record<string, unknown>;
  tmpfiles: string[];
}

/** Users and directories as files of systemd's, which this host's activation and boot read. */
function systemFiles({ users, groups, tmpfiles }: Also, kind: HostKind): Record<string, string> {
  const lines = [
    ...Object.keys(groups).map((name) => `g ${name} -`),
    ...Object.entries(users).flatMap(([name, { group, home, description }]) => [`u ${name} -:${group} "${description}" ${home}`]),
  ];
  return {
    "sysusers.d/nixfleet.conf": `${lines.join("\n")}\n`,
    "tmpfiles.d/nixfleet.conf": `${tmpfiles.join("\n")}\n`,
    // Builds may belong to users of their own, and are held by files in /run/lab too.
    "tmpfiles.d/lab.conf": "d /run/lab 0777 root root -\n",
    ...(!HOST_KINDS[kind].keepsBootId && bootIdOfSystemd252),
  };
}

/** The daemon's sandbox would show it this machine's boot id, where the runner sees the host's; on a machine both see the kernel's. */
const bootIdOfSystemd252 = {
  "systemd/system/nixfleet-agent.service.d/lab.conf":
    "[Service]\nBindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id\n",
  "tmpfiles.d/lab-boot-id.conf": "C /run/boot-id 0444 root root - /proc/sys/kernel/random/boot_id\n",
};
