import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { instantiate } from "./evaluate.ts";
import { optionsPage } from "./options-page.ts";
import { renderUnits } from "./render-units.ts";
import { everything, least } from "./sample-settings.fixture.ts";

const root = resolve(import.meta.dirname, "..");

test("every .nix file is well-formed", async () => {
  const files = globSync(["flake.nix", "nix/**/*.nix", "modules/**/*.nix"], { cwd: root });
  expect(files.length).toBeGreaterThan(10);
  await using dir = await createTempDir();
  for (const file of files) await instantiate(dir.path, ["--parse", join(root, file)]);
});

test("docs/options.md is what modules/options.nix says; else run modules/write-options.ts", async () => {
  await using dir = await createTempDir();
  expect(await optionsPage(dir.path)).toBe(await readFile(join(root, "docs/options.md"), "utf8"));
});

test("the flake gives each module by both its names, with this flake's own agent, and packages for four systems", async () => {
  await using dir = await createTempDir();
  const expression = `
    let
      lib = import ${root}/modules/test/lib.nix;
      platform = system: {
        stdenv.hostPlatform = { inherit system; isLinux = builtins.match ".*-linux" system != null; };
        callPackage = file: arguments: { of = baseNameOf file; inherit system; inherit (arguments) commit; };
        mkShellNoCC = { packages }: { inherit packages; };
        git = "git"; gnumake = "make"; nodejs_24 = "node"; openssh = "ssh";
      };
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      self = outputs // { rev = "0123456789012345678901234567890123456789"; };
      nixpkgs = {
        lib = lib // { genAttrs = names: of: builtins.listToAttrs (map (name: { inherit name; value = of name; }) names); };
        legacyPackages = nixpkgs.lib.genAttrs systems platform;
      };
      outputs = (import ${root}/flake.nix).outputs { inherit self nixpkgs; };
      chosen = module: (module { inherit lib; pkgs = platform "aarch64-linux"; }).services.nixfleet-agent.package.content;
      of = set: builtins.mapAttrs (_: chosen) set;
    in {
      inherit (outputs) packages;
      overlay = outputs.overlays.default (platform "x86_64-linux") { };
      modules = { nixos = of outputs.nixosModules; darwin = of outputs.darwinModules; home = of outputs.homeModules; homeByItsOldName = of outputs.homeManagerModules; };
      shells = builtins.attrNames outputs.devShells;
      checks = builtins.mapAttrs (_: builtins.attrNames) outputs.checks;
    }`;
  const found = JSON.parse(await instantiate(dir.path, ["--eval", "--strict", "--json", "-E", expression]));
  const systems = ["x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin"];
  const commit = "0123456789".repeat(4);
  const agent = (system: string) => ({ of: "agent.nix", system, commit });
  const dashboard = (system: string) => ({ of: "dashboard.nix", system, commit });
  const packages = systems.map((system) => [
    system,
    {
      default: agent(system),
      "nixfleet-agent": agent(system),
      ...(system.endsWith("linux") && { "nixfleet-dashboard": dashboard(system) }),
    },
  ]);
  expect(found.packages).toEqual(Object.fromEntries(packages));
  expect(found.overlay).toEqual({
    "nixfleet-agent": agent("x86_64-linux"),
    "nixfleet-dashboard": dashboard("x86_64-linux"),
  });
  const module = { default: agent("aarch64-linux"), "nixfleet-agent": agent("aarch64-linux") };
  expect(found.modules).toEqual({ nixos: module, darwin: module, home: module, homeByItsOldName: module });
  expect(found.shells.sort()).toEqual([...systems].sort());
  expect(found.checks["x86_64-linux"]).toEqual(["nixfleet-agent", "nixfleet-dashboard", "nixos-module"]);
  expect(found.checks["aarch64-darwin"]).toEqual(["nixfleet-agent"]);
});

test("units can be had as files for a machine without a store, with what they name beside them", async () => {
  const { units, made } = await renderUnits(
    "nixos",
    { ...everything, package: "/opt/agent", packagesAt: "/usr" },
    "/etc/nixfleet",
  );
  expect(Object.keys(units).sort()).toEqual([
    "nixfleet-agent.service",
    "nixfleet-deadman.service",
    "nixfleet-runner.path",
    "nixfleet-runner.service",
  ]);
  expect(units["nixfleet-runner.service"]).toContain("ExecStart=/opt/agent/bin/nixfleet-agent runner\n");
  expect(units["nixfleet-runner.service"]).toContain("NIXFLEET_HEALTH_CHECKS_FILE=/etc/nixfleet/nixfleet-health-checks.json");
  expect(JSON.parse(made["nixfleet-health-checks.json"] ?? "")).toHaveLength(3);
  expect(Object.values(units).join("")).not.toContain("/nix/store");
  const wrong = { ...least, settings: { ...least.settings, url: "nowhere" } };
  await expect(renderUnits("nixos", wrong, "/etc/nixfleet")).rejects.toThrow("services.nixfleet-agent.url");
});
