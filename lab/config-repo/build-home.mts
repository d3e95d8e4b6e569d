/** Builds a Home Manager generation of what a home's configuration says. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Configuration {
  release: string;
  /** Shell text that the activation runs once the home's files are the new ones. */
  activation: string;
}

const env = process.env as Record<string, string>;
const { out = "", agent = "", packages = "", files = "", activate = "", specialisations = "" } = env;
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
write("gen-version", "1\n");
write("home-path/nix-support/paths", packages);
for (const path of packages.split(" ").filter((one) => one !== "")) {
  for (const program of readdirSync(join(path, "bin"))) link(`home-path/bin/${program}`, join(path, "bin", program));
}
// The agent's command is the one that its module makes, with this host's settings.
if (agent !== "") link("home-path/bin/nixfleet-agent", join(files, ".config/nixfleet/made/nixfleet-agent"));
link("home-files", files);
// The folder is there where there are any (specialisation.nix of Home Manager ec1a8fdf).
for (const [, name = "", closure = ""] of specialisations.matchAll(/([^ =]+)=(\S+)/g)) link(`specialisation/${name}`, closure);

// Plays sd-switch 0.6, which Home Manager uses and which could not be had here: by the meaning that its documentation gives to
// X-SwitchMethod (docs.rs/sd-switch, `UnitSwitchMethod`).
const units = `units=home-files/.config/systemd/user
echo "Activating reloadSystemd"
case $(systemctl --user is-system-running || true) in
  running | degraded)
    stop= start=
    for path in "$old/$units"/*.*; do
      name=$(basename "$path")
      if [ ! -f "$path" ] || ! systemctl --user --quiet is-active "$name" || grep -q '^X-SwitchMethod=keep-old' "$path"; then continue; fi
      if [ ! -e "$generation/$units/$name" ]; then stop="$stop $name"
      elif ! cmp -s "$path" "$generation/$units/$name"; then stop="$stop $name" start="$start $name"; fi
    done
    for path in "$generation/$units"/*.target.wants/*.*; do
      name=$(basename "$path") target=$(basename "$(dirname "$path")" .wants)
      if [ ! -e "$path" ] || ! systemctl --user --quiet is-active "$target" || systemctl --user --quiet is-active "$name"; then continue; fi
      case "$start " in *" $name "*) ;; *) start="$start $name" ;; esac
    done
    if [ -n "$stop" ]; then echo "Stopping units:$stop"; systemctl --user stop $stop; fi
    systemctl --user daemon-reload
    if [ -n "$start" ]; then echo "Starting units:$start"; systemctl --user start $start; fi
    ;;
  *) echo "User systemd daemon not running. Skipping reload." ;;
esac`;

const text = Object.entries({
  version: "25.11",
  out,
  files,
  path: "/usr/bin:/bin",
  activation: `${host.activation}\n${units}`,
}).reduce((script, [name, value]) => script.replaceAll(`@${name}@`, () => value), readFileSync(activate, "utf8"));
write("activate", text, 0o755);
