/** Builds a Home Manager generation of what a home's configuration says. Its activation does the real one's steps in its order. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Configuration {
  release: string;
  /** User units by name. @agent@ in one stands for the agent's store path. */
  units: Record<string, string>;
  /** More files below the home, with the same @agent@. */
  etc: Record<string, string>;
  /** Shell text that the activation runs once the home's files are the new ones. */
  activation: string;
}

const env = process.env as Record<string, string>;
const { out = "", agent = "", packages = "" } = env;
const host = JSON.parse(env["host"] ?? "") as Configuration;

const write = (path: string, text: string, mode = 0o644) => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), text, { mode });
};
const link = (path: string, target: string) => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  symlinkSync(target, join(out, path));
};

write("hm-version", host.release);
write("home-path/nix-support/paths", packages);
for (const path of packages.split(" ").filter((one) => one !== "")) {
  for (const program of readdirSync(join(path, "bin"))) link(`home-path/bin/${program}`, join(path, "bin", program));
}
// The agent's command is the one that its module makes, with this host's settings.
if (agent !== "") link("home-path/bin/nixfleet-agent", join(out, "home-files/.config/nixfleet/made/nixfleet-agent"));
mkdirSync(join(out, "home-files"), { recursive: true });
for (const [path, text] of Object.entries(host.etc)) {
  write(`home-files/${path}`, text.replaceAll("@agent@", agent), text.startsWith("#!") ? 0o755 : 0o644);
}
const units = "home-files/.config/systemd/user";
mkdirSync(join(out, units), { recursive: true });
for (const [name, text] of Object.entries(host.units)) {
  write(`${units}/${name}`, text.replaceAll("@agent@", agent));
  for (const [, wanted = ""] of text.matchAll(/^WantedBy=(.*)$/gm)) {
    for (const target of wanted.split(/\s+/).filter(Boolean)) link(`${units}/${target}.wants/${name}`, `../${name}`);
  }
}

// Units are switched as sd-switch does it, which Home Manager uses: X-SwitchMethod=keep-old leaves one alone.
write(
  "activate",
  `#!/bin/sh
set -eu
PATH="$PATH:/usr/bin:/bin"
state="\${XDG_STATE_HOME:-$HOME/.local/state}"
old=$(readlink -e "$state/home-manager/gcroots/current-home" || true)
units=home-files/.config/systemd/user

echo "Starting Home Manager activation"
echo "Activating checkFilesChanged"
echo "Activating checkLinkTargets"
echo "Activating writeBoundary"
echo "Activating linkGeneration"
mkdir -p "$state/nix/profiles" "$state/home-manager/gcroots"
nix-env --profile "$state/nix/profiles/home-manager" --set ${out}
ln -sfn ${out} "$state/home-manager/gcroots/current-home"
if [ -n "$old" ]; then
  (cd "$old/home-files" && find . -type f -o -type l) | while read -r path; do
    [ -e "${out}/home-files/$path" ] || [ -L "${out}/home-files/$path" ] || rm -f "$HOME/$path"
  done
fi
echo "Creating home file links in $HOME"
(cd ${out}/home-files && find . -type f -o -type l) | while read -r path; do
  mkdir -p "$HOME/$(dirname "$path")"
  ln -sfn "${out}/home-files/$path" "$HOME/$path"
done
echo "Activating onFilesChange"
${host.activation}
echo "Activating reloadSystemd"
if systemctl --user is-system-running > /dev/null || [ "$(systemctl --user is-system-running)" = degraded ]; then
  systemctl --user daemon-reload
  for path in "$old"/$units/*.*; do
    name=$(basename "$path")
    [ -f "$path" ] && [ ! -e "${out}/$units/$name" ] || continue
    grep -qs '^X-SwitchMethod=keep-old' "$path" || { echo "Stopping units: $name"; systemctl --user stop "$name"; }
  done
  for path in ${out}/$units/*.*; do
    name=$(basename "$path")
    [ -f "$path" ] || continue
    if systemctl --user --quiet is-active "$name"; then
      cmp -s "$path" "$old/$units/$name" || grep -qs '^X-SwitchMethod=keep-old' "$path" ||
        { echo "Restarting units: $name"; systemctl --user restart "$name"; }
    elif grep -qs '^WantedBy=' "$path"; then
      echo "Starting units: $name"
      systemctl --user start "$name"
    fi
  done
else
  echo "User systemd daemon not running. Skipping reload."
fi
`,
  0o755,
);
