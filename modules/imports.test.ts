import { resolve } from "node:path";
import { Platform } from "@nixfleet/protocol";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { instantiate } from "./evaluate.ts";

const root = resolve(import.meta.dirname, "..");
const OUTPUTS: Record<Platform, string> = {
  nixos: "nixosModules",
  darwin: "darwinModules",
  "home-manager": "homeModules",
};

test.for(Platform.options)("R75: %s: the flake's module may be imported twice, by either of its names", async (platform) => {
  await using dir = await createTempDir();
  const isDarwin = platform === "darwin";
  const expression = `
    let
      lib = import ${root}/modules/test/lib.nix // { hm.dag.entryBetween = before: after: data: { inherit before after data; }; };
      pkgs = import ${root}/modules/test/pkgs.nix { isDarwin = ${isDarwin}; };
      surroundings = import ${root}/modules/test/${platform}.nix { inherit lib pkgs; };
      system = "test";
      nixpkgs = { inherit lib; legacyPackages.\${system} = pkgs // { callPackage = file: _: pkgs.callPackage file { } // { name = baseNameOf file; }; }; };
      flake = (import ${root}/flake.nix).outputs { self = flake // { rev = "0"; }; nixpkgs = nixpkgs // { lib = lib // { genAttrs = _: of: { \${system} = of system; }; }; }; };
      modules = flake.${OUTPUTS[platform]};
      host = pkgs // { stdenv.hostPlatform = pkgs.stdenv.hostPlatform // { inherit system; }; };
    in (lib.evalModules {
      modules = [ surroundings.module modules.default { imports = [ modules.nixfleet-agent modules.default ]; } ];
      specialArgs = { inherit lib; pkgs = host; };
    }).config.services.nixfleet-agent.package.name`;
  expect(JSON.parse(await instantiate(dir.path, ["--eval", "--strict", "--json", "-E", expression]))).toBe("agent.nix");
});
