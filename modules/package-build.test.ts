import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { createNixEnv, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { instantiate } from "./evaluate.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "..");
const commit = "0123456789".repeat(4);

interface NpmPackage {
  readonly path: string;
  readonly url: string;
  readonly hash: string;
}

const build = (program: string, tarballs: string): string[] => [
  join(import.meta.dirname, "test/build.nix"),
  ...["--argstr", "program", program, "--argstr", "commit", commit],
  ...["--argstr", "node", dirname(dirname(process.execPath)), "--argstr", "tarballs", tarballs],
  ...["--argstr", "path", "/usr/local/bin:/usr/bin:/bin"],
];

/** The packages that the builds ask for, as the registry would give them: made of those that are installed here. */
async function packTarballs(packages: readonly NpmPackage[], tarballs: string): Promise<void> {
  await mkdir(tarballs);
  for (const { path, url } of new Map(packages.map((each) => [each.url, each])).values()) {
    const file = join(tarballs, `${createHash("sha256").update(url).digest("hex")}.tgz`);
    // What is nested is a package of its own. Without what no build reads, and not compressed: tar looks for itself.
    const left = ["./node_modules", "*.map", "*.d.ts", "*.d.mts", "*.cjs.js", "./dist/cjs", "./dist/umd"];
    const nested = [...left.map((pattern) => `--exclude=${pattern}`), "--transform=s,^\\.,package,"];
    await run("tar", ["--create", "--file", file, ...nested, "--directory", join(root, path), "."]);
  }
}

test.for(["agent", "dashboard"])(
  "the %s builds from its own npm packages and sources alone, and tells its source commit",
  { timeout: 240_000 },
  async (program) => {
    await using dir = await createTempDir();
    const tarballs = join(dir.path, "tarballs");
    const asked = ["--eval", "--strict", "--json", "-A", "npmPackages", ...build(program, tarballs)];
    const found = await instantiate(dir.path, asked);
    await packTarballs(JSON.parse(found) as NpmPackage[], tarballs);

    const nix = await createNixEnv(dir.path);
    const { stdout } = await run("nix-build", ["--no-out-link", ...build(program, tarballs)], { env: nix.env });
    const installed = join(stdout.trim(), "bin", `nixfleet-${program}`);
    const manifest = JSON.parse(await readFile(join(root, "packages", program, "package.json"), "utf8")) as { version: string };
    // What it was built from is not needed to run it.
    await rm(tarballs, { recursive: true });
    const said = await run(installed, ["--version"], { env: { PATH: "/usr/bin:/bin" } });
    expect(said.stdout).toBe(`${manifest.version} (${commit})\n`);
    if (program === "dashboard") {
      expect(await readFile(join(stdout.trim(), "lib/page/index.html"), "utf8")).toContain("<div id=");
      expect(await readFile(installed, "utf8")).toContain(`${stdout.trim()}/lib/page`);
    }
  },
);

test.for([
  { os: "linux", cpu: "x64", native: "linux-x64-gnu" },
  { os: "linux", cpu: "arm64", native: "linux-arm64-gnu" },
  { os: "darwin", cpu: "x64", native: "darwin-x64" },
  { os: "darwin", cpu: "arm64", native: "darwin-arm64" },
])("$os-$cpu has a bundler with a native part of the same version in the lock file", async ({ os, cpu, native }) => {
  await using dir = await createTempDir();
  const expression = `(import ${root}/nix/npm-packages.nix {
    lock = builtins.fromJSON (builtins.readFile ${root}/package-lock.json); os = "${os}"; cpu = "${cpu}";
  })`;
  const evaluate = async (what: string) =>
    JSON.parse(await instantiate(dir.path, ["--eval", "--strict", "--json", "-E", `${expression}.${what}`])) as NpmPackage[];
  const [bundler, ...others] = await evaluate("bundler");
  const version = /^https:\/\/registry\.npmjs\.org\/rolldown\/-\/rolldown-([\d.]+)\.tgz$/.exec(bundler?.url ?? "")?.[1];
  const binding = `https://registry.npmjs.org/@rolldown/binding-${native}/-/binding-${native}-${version}.tgz`;
  expect(bundler?.path).toBe("node_modules/rolldown");
  expect(others.map(({ url }) => url)).toContain(binding);
  expect(others.filter(({ url }) => url.includes("/binding-"))).toHaveLength(1);
  // The agent's dependencies are counted on one hand.
  const own = await evaluate('runtime "packages/agent"');
  expect(own.map(({ path }) => path).sort()).toEqual(["node_modules/ws", "node_modules/zod"]);
  for (const { hash } of [...own, ...others]) expect(hash).toMatch(/^sha512-/);
});
