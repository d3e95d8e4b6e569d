import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { FAILURES, REFUSALS } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { instantiate } from "./evaluate.ts";

const readPage = (name: string) => readFile(resolve(import.meta.dirname, "../docs", name), "utf8");

/** The text below a heading, up to the next one. */
function sectionOf(page: string, heading: string): string {
  const [, section] = page.split(`\n## ${heading}\n`);
  expect(section, heading).toBeDefined();
  return section?.split("\n## ", 1)[0] ?? "";
}

/** The first module of a section, as people copy it. */
function exampleOf(page: string, heading: string): string {
  return /```nix\n(.*?)```/s.exec(sectionOf(page, heading))?.[1] ?? "";
}

test.for([
  { platform: "nixos", heading: "NixOS", output: "nixosModules" },
  { platform: "home-manager", heading: "Home Manager", output: "homeModules" },
])("the example of docs/install.md for $heading is a module that breaks no assertion", async ({ platform, heading, output }) => {
  await using dir = await createTempDir();
  await writeFile(join(dir.path, "example.nix"), exampleOf(await readPage("install.md"), heading));
  await writeFile(join(dir.path, "git-server-keys"), "git.example.org ssh-ed25519 AAAA\n");
  const tests = join(import.meta.dirname, "test");
  // What the example takes from agenix, Home Manager and the flake.
  const expression = `
    let
      lib = import ${tests}/lib.nix // { hm.dag.entryBetween = before: after: data: { inherit before after data; }; };
      pkgs = import ${tests}/pkgs.nix { isDarwin = false; packagesAt = null; };
      raw = default: lib.mkOption { type = lib.types.raw; inherit default; };
      inherit (lib.evalModules {
        modules = [
          (import ${tests}/${platform}.nix { inherit lib pkgs; }).module
          ${dir.path}/example.nix
          {
            options.age = raw { secrets = builtins.mapAttrs (name: _: { path = "/run/agenix/\${name}"; }) { nixfleet-token = 1; nixfleet-deploy-key = 1; }; };
            options.home.homeDirectory = raw "/home/ada";
            config.services.nixfleet-agent.package = { type = "derivation"; name = "agent"; outPath = "/nix/store/agent"; };
          }
        ];
        specialArgs = { inherit pkgs lib; inputs.nixfleet.${output}.nixfleet-agent = { }; };
      }) config;
    in
    { inherit (config.services.nixfleet-agent) enable url; failed = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions); }`;
  const result = await instantiate(dir.path, ["--eval", "--strict", "--json", "--read-write-mode", "-E", expression]);
  expect(JSON.parse(result)).toEqual({ enable: true, url: "https://fleet.example.org", failed: [] });
});

test("the dashboard's service in docs/install.md is a module that gives one", async () => {
  await using dir = await createTempDir();
  await writeFile(join(dir.path, "example.nix"), exampleOf(await readPage("install.md"), "A dashboard"));
  await writeFile(join(dir.path, "git-server-keys"), "git.example.org ssh-ed25519 AAAA\n");
  const expression = `
    (import ${dir.path}/example.nix {
      config.age.secrets.nixfleet-deploy-key.path = "/run/agenix/nixfleet-deploy-key";
      pkgs.stdenv.hostPlatform.system = "x86_64-linux";
      inputs.nixfleet.packages.x86_64-linux.nixfleet-dashboard = "/nix/store/dashboard";
    }).systemd.services.nixfleet-dashboard.serviceConfig.ExecStart`;
  const result = await instantiate(dir.path, ["--eval", "--strict", "--json", "-E", expression]);
  expect(JSON.parse(result)).toBe("/nix/store/dashboard/bin/nixfleet-dashboard");
});

test("docs/troubleshooting.md explains codes that there are", async () => {
  const page = await readPage("troubleshooting.md");
  const codesOf = (heading: string) =>
    [...sectionOf(page, heading).matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code = ""]) => code);
  const [refusals, failures] = [codesOf("A switch was refused"), codesOf("A run rolled back")];
  expect([refusals.length, failures.length].every((count) => count > 5)).toBe(true);
  expect(refusals.filter((code) => !(code in REFUSALS))).toEqual([]);
  expect(failures.filter((code) => !(code in FAILURES))).toEqual([]);
});

test("links between the pages of docs, README and CONTRIBUTING lead to a heading that there is", async () => {
  const anchorOf = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  const pages = ["docs/install.md", "docs/troubleshooting.md", "README.md", "CONTRIBUTING.md"];
  const root = resolve(import.meta.dirname, "..");
  const missing: string[] = [];
  for (const page of pages) {
    const text = await readFile(join(root, page), "utf8");
    for (const [, target = "", anchor = ""] of text.matchAll(/\]\(([\w./-]*\.md)?#([\w-]+)\)/g)) {
      const file = target === "" ? join(root, page) : resolve(root, page, "..", target);
      const headings = [...(await readFile(file, "utf8")).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
      if (!headings.includes(anchor)) missing.push(`${page}: ${target}#${anchor}`);
    }
  }
  expect(missing).toEqual([]);
});
