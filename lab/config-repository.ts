import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createGitFixture, type FileChanges, type GitFixture, nixSystem } from "@nixfleet/testkit";
import { builtProgram } from "@nixfleet/testkit/built-programs";
import type { HostConfiguration } from "./host-configuration.ts";

/** The config repository of the lab's hosts. */
export interface ConfigRepository {
  readonly git: GitFixture;
  configuration(host: string): HostConfiguration;
  /** Changes what some hosts are to be and the repository's files besides, commits and pushes. Returns the commit. */
  commit(subject: string, hosts: Record<string, HostConfiguration>, more?: FileChanges): Promise<string>;
  /** Changes one host. */
  change(subject: string, host: string, change: (now: HostConfiguration) => HostConfiguration): Promise<string>;
}

/** The name of the agent that `make build` has built, below `agents/`. */
export const BUILT_AGENT = "nixfleet-agent.js";

export async function createConfigRepository(directory: string): Promise<ConfigRepository> {
  const git = await createGitFixture({ directory, dates: () => Math.floor(Date.now() / 1000) });
  const hosts = new Map<string, HostConfiguration>();
  await git.commit("Begin", {
    ...template(join(import.meta.dirname, "config-repo")),
    "activate-home.sh": readFileSync(join(import.meta.dirname, "../packages/testkit/flake-fixture/activate-home.sh"), "utf8"),
    "fleet.json": `${JSON.stringify({ system: nixSystem() })}\n`,
    "flake.lock": `${JSON.stringify({ nodes: { root: {} }, root: "root", version: 7 }, null, 2)}\n`,
    "hosts/README.md": "One directory for each host.\n",
    [`agents/${BUILT_AGENT}`]: readFileSync(builtProgram("agent"), "utf8"),
  });
  const repository: ConfigRepository = {
    git,
    configuration(host) {
      const found = hosts.get(host);
      if (found === undefined) throw new Error(`The config repository has no host ${host}.`);
      return found;
    },
    async commit(subject, changed, more = {}) {
      const files = Object.entries(changed).map(([name, configuration]) => {
        hosts.set(name, configuration);
        return [`hosts/${name}/host.json`, `${JSON.stringify(configuration, null, 2)}\n`] as const;
      });
      return git.commit(subject, { ...Object.fromEntries(files), ...more });
    },
    change: (subject, host, change) => repository.commit(subject, { [host]: change(repository.configuration(host)) }),
  };
  return repository;
}

function template(directory: string): FileChanges {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(directory.length + 1), readFileSync(path, "utf8")];
    }),
  );
}
