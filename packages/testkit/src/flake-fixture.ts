import { readFileSync } from "node:fs";
import { posix } from "node:path";
import type { Platform } from "@nixfleet/protocol";
import { createGitFixture, type FileChanges, type GitFixture, type GitFixtureOptions } from "./git-fixture.ts";

/** A host of the fixture's flake. All fields but the platform have quiet defaults. */
export interface FixtureHost {
  /** Where the flake has it: nixosConfigurations, darwinConfigurations or homeConfigurations.<name>. */
  platform?: Platform;
  /** Packages in the closure, each a derivation that the one before it needs. Default 2. */
  packages?: number;
  /** How long each package builds. Default 0. */
  secondsPerPackage?: number;
  /** Lines that each package's build prints. Default 1. */
  linesPerPackage?: number;
  /** The version that all packages carry: change it, and the whole closure is another. Default "1.0". */
  version?: string;
  /** The number of the package whose build fails, from 1. */
  failingPackage?: number;
  /** The activation prints a failed unit and exits 4, as switch-to-configuration does; a home's fails past its write boundary. */
  failActivation?: boolean;
  /** On nix-darwin: the closure's own checks forbid to activate it. */
  failChecks?: boolean;
  /** Content of the kernel: another one needs a reboot. Default "6.12.40". */
  kernel?: string;
  /** Text of the unit by which the closure installs an agent. Default: it installs none. */
  agent?: string;
  /** More files of the closure's `etc`, by path. Default none. */
  etc?: Record<string, string>;
  /** Specialisations by name, each of another version. Default none. */
  specialisations?: Record<string, string>;
  /** Their files of `etc`. Default those of the host. */
  specialisationEtc?: Record<string, string>;
  /** Their `files`, of a home. Default those of the host. */
  specialisationFiles?: string[];
  /** `system.switch.inhibitors`, by name. Default none. */
  inhibitors?: Record<string, string>;
  /** Of a home: the version of Home Manager that its activation is of. 25.11 is that of every later one. Default "25.11". */
  homeManager?: "24.11" | "25.05" | "25.11";
  /** Of a home: names of the files that it links, all with the version in them, beside `.version`. Default none. */
  files?: string[];
  /** How long the activation takes; a home's, past its write boundary. Default 0. */
  activationSeconds?: number;
  /** How long the boot entry's installer takes. Default 0. */
  bootEntrySeconds?: number;
  /** Scripts below hosts/<name>/tests, by file name. Default none. */
  tests?: Record<string, string>;
}

export interface FlakeShape {
  hosts: Record<string, FixtureHost>;
  /** The flake cannot be parsed. */
  syntaxError?: boolean;
  /** Evaluation ends with this message. */
  evaluationError?: string;
  /** Files besides. */
  more?: FileChanges;
}

export interface FlakeFixture extends GitFixture {
  /** Commits and pushes the flake in this shape; what an earlier shape had and this one has not is gone. */
  commitFlake(subject: string, shape: FlakeShape): Promise<string>;
}

export interface FlakeFixtureOptions extends GitFixtureOptions {
  /** Where the flake is within the repository. Default: its root. */
  folder?: string;
}

/**
 * A config repository with a real flake that needs no nixpkgs: systems are plain derivations whose activation is switched
 * by the same steps as a real NixOS. Activation links "$NIXFLEET_SYSTEM_ROOT/run/current-system" in the modes `switch` and
 * `test`, and appends a line to "$NIXFLEET_SYSTEM_ROOT/activations" in every mode but `dry-activate`, so that a test can count
 * activations.
 */
export async function createFlakeFixture({ folder = "", ...options }: FlakeFixtureOptions = {}): Promise<FlakeFixture> {
  const repository = await createGitFixture(options);
  let files: string[] = [];
  return {
    ...repository,
    async commitFlake(subject, shape) {
      const changes = Object.fromEntries(
        Object.entries(shapeFiles(shape)).map(([path, change]) => [posix.join(folder, path), change]),
      );
      const gone = files.filter((path) => !(path in changes)).map((path) => [path, null] as const);
      files = Object.keys(changes);
      return repository.commit(subject, { ...Object.fromEntries(gone), ...changes });
    },
  };
}

function shapeFiles(shape: FlakeShape): FileChanges {
  const hosts = Object.entries(shape.hosts).map(([name, { tests: _, ...host }]) => [name, { ...defaults, ...host }] as const);
  const scripts = Object.entries(shape.hosts).flatMap(([name, { tests = {} }]) =>
    Object.entries(tests).map(
      ([file, content]) => [`hosts/${name}/tests/${file}`, { content, executable: true as const }] as const,
    ),
  );
  const data = { system: nixSystem(), evaluationError: shape.evaluationError ?? "", hosts: Object.fromEntries(hosts) };
  return {
    ...templates(),
    ...(shape.syntaxError ? { "flake.nix": "{\n  outputs = { self }: oops = ;\n}\n" } : {}),
    "hosts.json": `${JSON.stringify(data, null, 2)}\n`,
    "flake.lock": `${JSON.stringify({ nodes: { root: {} }, root: "root", version: 7 }, null, 2)}\n`,
    ...Object.fromEntries(scripts),
    ...shape.more,
  };
}

/** The script of the template that builds a platform's closures. */
const BUILDERS: Record<Platform, string> = {
  nixos: "build-nixos.sh",
  darwin: "build-darwin.sh",
  "home-manager": "build-home.sh",
};

function templates(): FileChanges {
  const names = ["flake.nix", "build-package.sh", ...Object.values(BUILDERS), "build-home-files.sh", "activate-home.sh"];
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(new URL(`../flake-fixture/${name}`, import.meta.url), "utf8")]),
  );
}

const defaults = {
  platform: "nixos",
  packages: 2,
  secondsPerPackage: 0,
  linesPerPackage: 1,
  version: "1.0",
  failingPackage: 0,
  failActivation: false,
  failChecks: false,
  kernel: "6.12.40",
  agent: "",
  etc: {},
  specialisations: {},
  inhibitors: {},
  activationSeconds: 0,
  bootEntrySeconds: 0,
  homeManager: "25.11",
  files: [],
} satisfies FixtureHost;

/** This machine's system, as Nix names it. */
export function nixSystem(): string {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  return `${machine}-${process.platform === "darwin" ? "darwin" : "linux"}`;
}
