/** The files of a home, as Home Manager has them: a store path of its own, to whose name its activation knows its links again. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Configuration {
  /** User units by name. @agent@ in one stands for the agent's store path. */
  units: Record<string, string>;
  /** More files below the home, with the same @agent@. */
  etc: Record<string, string>;
}

const { out = "", agent = "", host = "" } = process.env;
const { units, etc } = JSON.parse(host) as Configuration;

const place = (path: string) => {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  return join(out, path);
};
const write = (path: string, text: string, mode = 0o644) =>
  writeFileSync(place(path), text.replaceAll("@agent@", agent), { mode });

for (const [path, text] of Object.entries(etc)) write(path, text, text.startsWith("#!") ? 0o755 : 0o644);
const directory = ".config/systemd/user";
mkdirSync(join(out, directory), { recursive: true });
for (const [name, text] of Object.entries(units)) {
  write(`${directory}/${name}`, text);
  for (const [, wanted = ""] of text.matchAll(/^WantedBy=(.*)$/gm)) {
    for (const target of wanted.split(/\s+/).filter(Boolean)) {
      symlinkSync(join(out, directory, name), place(`${directory}/${target}.wants/${name}`));
    }
  }
}
