import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkout } from "../fleet/places.ts";
import type { PackageSet } from "../fleet/versions.ts";
import type { Derivation, StandInStore } from "./store.ts";

interface HostFile {
  motd: string;
  packages: string[];
  units?: Record<string, string>;
  failingUnit?: string;
  failingFile?: string;
  rootKeys?: string[];
  specialisations?: Record<string, Partial<HostFile>>;
}

interface LockedInput {
  url: string;
  rev: string;
  lastModified: number;
}

const path = "/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/bin:/bin";

/** What demo/config-repo/flake.nix and demo/nixpkgs/lib.nix say, for one attribute: the path of its derivation. */
export async function evaluate(flake: string, store: StandInStore): Promise<string> {
  const match = /^(git\+file:\/\/[^?#]+)\?(?:[^#]*&)?rev=([0-9a-f]{40})#(.+)\.drvPath$/.exec(flake);
  if (match === null) throw new Error(`'${flake}' is not a flake that the stand-in knows`);
  const [, url = "", rev = "", attribute = ""] = match;
  const config = fileURLToPath(decodeURI(url.slice("git+".length)));
  const wanted = hostOf(attribute);
  if (wanted === undefined) throw new Error(`flake '${url}' does not provide attribute '${attribute}'`);

  const host = JSON.parse(show(config, rev, `hosts/${wanted.name}/host.json`)) as HostFile;
  const lock = JSON.parse(show(config, rev, "flake.lock")) as { nodes: { nixpkgs: { locked: LockedInput } } };
  const { locked } = lock.nodes.nixpkgs;
  const nixpkgs = fileURLToPath(locked.url);
  const sources = new Map<string, string>();
  const source = (file: string) => {
    const text = sources.get(file) ?? show(nixpkgs, locked.rev, file);
    sources.set(file, text);
    return text;
  };
  const versions = JSON.parse(source("versions.json")) as PackageSet;
  const quickly = /quickly = "(.*)";/.exec(source("lib.nix"))?.[1] ?? join(checkout, ".demo/quickly");

  const build = (name: string, builder: string, env: Record<string, string>, inputs: readonly Derivation[]) =>
    store.add({
      name,
      script: source(builder),
      env: { PATH: path, quickly, system: `${process.arch}-${process.platform}`, ...env },
      inputs: inputs.map((input) => input.path),
    });

  const packages = new Map<string, Derivation>();
  const packageOf = (pname: string): Derivation => {
    const known = packages.get(pname);
    if (known !== undefined) return known;
    const entry = versions[pname];
    if (entry === undefined) throw new Error(`attribute '${pname}' missing`);
    const needs = entry.needs.map(packageOf);
    const env = {
      pname,
      version: entry.version,
      kib: String(entry.kib),
      pause: (entry.seconds / 10).toFixed(6),
      broken: entry.broken ? "yes" : "",
      needs: needs.map(({ out }) => out).join(" "),
    };
    const derivation = build(`${pname}-${entry.version}`, "build-package.sh", env, needs);
    packages.set(pname, derivation);
    return derivation;
  };

  const chosen = host.packages.map(packageOf);
  const release = source("release");
  const common = { packages: chosen.map(({ out }) => out).join(" "), motd: host.motd, release };
  if (wanted.kind === "home") {
    const env = { ...common, user: "ada", failingFile: host.failingFile ?? "" };
    return build("home-manager-generation", "build-home.sh", env, chosen).path;
  }
  const date = new Date(locked.lastModified * 1000).toISOString().slice(0, 10).replaceAll("-", "");
  const label = `${release}.${date}.${locked.rev.slice(0, 7)}`;
  const toplevel = (of: HostFile): Derivation => {
    const units = sorted(of.units);
    const special = sorted(of.specialisations).map(
      ([name, changes]) => [name, toplevel({ ...of, ...changes, specialisations: {} })] as const,
    );
    const env = {
      ...common,
      motd: of.motd,
      label,
      hostName: wanted.name,
      kernel: packageOf("linux").out,
      unitNames: units.map(([unit]) => unit).join(" "),
      unitPackages: units.map(([, name]) => packageOf(name).out).join(" "),
      failingUnit: of.failingUnit ?? "",
      rootKeys: (of.rootKeys ?? []).join("\n"),
      specialisations: special.map(([name, { out }]) => `${name}=${out}`).join(" "),
      revision: rev,
      nixpkgsRevision: locked.rev,
    };
    const inputs = [...packages.values(), ...special.map(([, derivation]) => derivation)];
    return build(`nixos-system-${wanted.name}-${label}`, "build-system.sh", env, inputs);
  };
  return toplevel(host).path;
}

/** The entries of an attribute set in Nix's order. */
function sorted<Value>(attributes: Record<string, Value> = {}): [string, Value][] {
  return Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
}

function hostOf(attribute: string): { kind: "system" | "home"; name: string } | undefined {
  const system = /^nixosConfigurations\."?(web1|db1)"?\.config\.system\.build\.toplevel$/.exec(attribute)?.[1];
  if (system !== undefined) return { kind: "system", name: system };
  return attribute === 'homeConfigurations."ada@laptop".activationPackage' ? { kind: "home", name: "laptop" } : undefined;
}

function show(repository: string, rev: string, file: string): string {
  const result = spawnSync("git", ["-C", repository, "show", `${rev}:${file}`], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${result.stderr}program 'git' failed with exit code ${result.status}`);
  return result.stdout;
}
