/**
 * Builds a system closure of what a host's configuration says, with the files by which a NixOS is recognised, booted and switched.
 *
 * Held against nixpkgs of 2026: nixos/modules/system/activation/top-level.nix (01502f439c6a: names and content of files),
 * activation-script.nix (the order: snippets, then /run/current-system, `Activation script snippet '…' failed (…)` on standard output,
 * exit code 1 if one failed), pre-switch-check.nix, switchable-system.nix (`switch-inhibitors`, arguments of the check),
 * system/boot/systemd.nix and systemd/tmpfiles.nix (sysinit-reactivation.target, systemd-tmpfiles-resetup.service, roots of what runs
 * and was booted). To hold it again, read these beside this file. What a NixOS has beside them is Debian's here: /usr, users, systemd.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Configuration {
  release: string;
  /** Units by name. @agent@ in one stands for the agent's store path. */
  units: Record<string, string>;
  /** Names of units of Debian's that are this configuration's too. */
  debianUnits: string[];
  /** More files below /etc, with the same @agent@. */
  etc: Record<string, string>;
  /** Shell text that the activation runs once /etc is that of the new closure. */
  activation: string;
  /** Shell text by name: one that fails keeps the closure from being switched to. */
  preSwitchChecks: Record<string, string>;
  /** What may not change under a running system, by name. */
  inhibitors: Record<string, string>;
  initInterface: string;
}

const env = process.env as Record<string, string>;
const { out = "", hostName = "", revision = "", agent = "", packages = "", specialisations = "" } = env;
const host = JSON.parse(env["host"] ?? "") as Configuration;

const write = (path: string, text: string, mode = 0o644) => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), text, { mode });
};
const link = (path: string, target: string) => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  symlinkSync(target, join(out, path));
};

write("nixos-version", host.release);
write("system", process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux");
write("init-interface-version", host.initInterface);
write("switch-inhibitors", JSON.stringify(host.inhibitors));
link("kernel", `${env["kernel"]}/linux`);
link("initrd", `${env["initrd"]}/initrd`);
link("kernel-modules", `${env["kernelModules"]}`);

// The folder is there always (specialisation.nix of nixpkgs 05e1dd32). The boot menu has no entries for them.
mkdirSync(join(out, "specialisation"));
for (const [, name = "", closure = ""] of specialisations.matchAll(/([^ =]+)=(\S+)/g)) link(`specialisation/${name}`, closure);

for (const path of packages.split(" ").filter((one) => one !== "")) {
  for (const program of readdirSync(join(path, "bin"))) link(`sw/bin/${program}`, join(path, "bin", program));
}
// The agent's command is the one that its module makes, with this host's settings.
const command = "etc/nixfleet/made/nixfleet-agent";
if (agent !== "") link("sw/bin/nixfleet-agent", join(out, command));
const json = JSON.stringify({
  nixosVersion: host.release,
  ...(revision !== "" && { configurationRevision: revision }),
});
write("sw/bin/nixos-version", `#!/bin/sh\n[ "$1" = --json ] && echo '${json}' || echo "${host.release} (Lab)"\n`, 0o755);

const roots = ["booted", "current"].map((name) => `L+ /nix/var/nix/gcroots/${name}-system - - - - /run/${name}-system\n`);
const etc: Record<string, string> = {
  "tmpfiles.d/nixos.conf": `d /nix/var/nix/gcroots 0755 root root -\n${roots.join("")}`,
  "os-release": `ID=nixos\nNAME=NixOS\nVERSION_ID="25.11"\nVERSION="25.11 (Lab)"\nBUILD_ID="${host.release}"\nPRETTY_NAME="NixOS 25.11 (Lab)"\n`,
  hostname: `${hostName}\n`,
  ...host.etc,
};
for (const [path, text] of Object.entries(etc)) {
  write(`etc/${path}`, text.replaceAll("@agent@", agent), text.startsWith("#!") ? 0o755 : 0o644);
}

// On NixOS every unit is in the closure, targets too: those that tie the closure's own units together come from Debian's systemd.
const debian = "/usr/lib/systemd/system";
const targets = ["multi-user", "network", "network-online", "paths", "sockets", "timers"].map((name) => `${name}.target`);
for (const target of targets) link(`etc/systemd/system/${target}`, join(debian, target));
link("etc/systemd/system/default.target", join(debian, "multi-user.target"));
// Those of users' own managers likewise (nixos/modules/system/boot/systemd/user.nix); /etc gets them one by one, with the others.
const userTargets = ["basic", "default", "sockets", "timers"].map((name) => `systemd/user/${name}.target`);
for (const target of userTargets) link(`etc/${target}`, join("/usr/lib", target));
const tmpfiles = Object.entries(etc).filter(([path]) => path.startsWith("tmpfiles.d/"));
const own: Record<string, string> = {
  // Restarted in each switch, before all else: what it requires is started again if the switch has stopped it.
  "sysinit-reactivation.target": "[Unit]\nDescription=Reactivate sysinit units\n",
  "systemd-tmpfiles-resetup.service": `[Unit]
Description=Re-setup tmpfiles on a system that is already running.
After=local-fs.target systemd-sysusers.service systemd-journald.service
Before=sysinit-reactivation.target shutdown.target
Conflicts=shutdown.target
DefaultDependencies=no
X-Restart-Triggers=${createHash("sha256").update(JSON.stringify(tmpfiles)).digest("hex").slice(0, 16)}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=systemd-tmpfiles --create --remove --exclude-prefix=/dev
SuccessExitStatus=DATAERR CANTCREAT
[Install]
RequiredBy=sysinit-reactivation.target
`,
};
for (const [name, text] of Object.entries({ ...own, ...host.units })) {
  write(`etc/systemd/system/${name}`, text.replaceAll("@agent@", agent));
  install(name, text);
}
for (const name of host.debianUnits) {
  link(`etc/systemd/system/${name}`, join(debian, name));
  install(name, readFileSync(join(debian, name), "utf8"));
}

/** systemd.unit(5), "[Install]": done at build time, as nothing is enabled by hand on NixOS. */
function install(name: string, text: string): void {
  for (const [, key = "", wanted = ""] of text.matchAll(/^(WantedBy|RequiredBy)=(.*)$/gm)) {
    const folder = key === "WantedBy" ? "wants" : "requires";
    for (const target of wanted.split(/\s+/).filter(Boolean))
      link(`etc/systemd/system/${target}.${folder}/${name}`, `../${name}`);
  }
}

// In the order of their names, as the attributes of a set are.
const checks = {
  switchInhibitors: `/usr/local/bin/node ${env["switch"]}/check-inhibitors.mts "$1" "$2"`,
  ...host.preSwitchChecks,
};
write(
  "pre-switch-checks",
  `#!/bin/bash
${Object.entries(checks)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, text]) => `(\n${text}\n)\nif [[ $? != 0 ]]; then\n  echo "Pre-switch check '${name}' failed"\n  exit 1\nfi\n`)
  .join("")}`,
  0o755,
);

const setPath = "PATH=/run/current-system/sw/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\n";
// One by one; what is below systemd/system is there already, by the link that the host has in that place.
const links = [...Object.keys(etc), ...userTargets].filter((path) => !path.startsWith("systemd/system/"));
write(
  "activate",
  `#!/bin/sh
${setPath}umask 0022
status=0
replace() { ln -s "$1" "$2.new.$$" && mv -T "$2.new.$$" "$2" || status=1; }

echo "setting up /etc..."
replace ${out}/etc /etc/static
for path in ${links.join(" ")}; do
  mkdir -p "/etc/$(dirname "$path")"
  replace "/etc/static/$path" "/etc/$path"
done
find /etc -xdev -lname '/etc/static/*' ! -exec test -e {} \\; -delete

if [ -d ${out}/etc/sysusers.d ]; then systemd-sysusers ${out}/etc/sysusers.d/*.conf || status=1; fi
(
set -e
${host.activation}
) || { printf "Activation script snippet '%s' failed (%s)\\n" host "$?"; status=1; }

# Only now is this the current configuration.
replace ${out} /run/current-system
exit $status
`,
  0o755,
);
write("dry-activate", `#!/bin/sh\necho "would set up /etc..."\n`, 0o755);

write(
  "init",
  `#!/bin/sh
${setPath}echo "<<< NixOS Stage 2 >>>"
echo "running activation script..."
${out}/activate
ln -sfn ${out} /run/booted-system
echo "starting systemd..."
exec /lib/systemd/systemd "$@"
`,
  0o755,
);

// The lock as the real one holds it: by the program itself, which lets none of its children have it.
write(
  "bin/switch-to-configuration",
  `#!/bin/sh
${setPath}mkdir -p /run/nixos
exec 9>> /run/nixos/switch-to-configuration.lock
# Its die() ends with the error's number: EAGAIN.
flock --nonblock 9 || { echo "Could not acquire lock" >&2; exit 11; }
exec /usr/local/bin/node ${env["switch"]}/switch-to-configuration.mts ${out} "$@"
`,
  0o755,
);
