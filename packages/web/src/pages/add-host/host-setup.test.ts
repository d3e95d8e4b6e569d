import fc from "fast-check";
import { expect, test } from "vitest";
import { flakeRef, hostSetup, isLoopback, nixString, type SetupInput } from "./host-setup.ts";

const input = (change: Partial<SetupInput> = {}): SetupInput => ({
  name: "nuc1",
  platform: "nixos",
  url: "https://fleet.example.net",
  repoUrl: "ssh://git@git.example.net/admin/nixcfg.git",
  branch: "main",
  flakeDir: "",
  ...change,
});

test("a NixOS host imports the module and names dashboard, token and config repository", () => {
  const { file, switchByHand, storeToken, user } = hostSetup(input());
  expect(file).toEqual({
    path: "hosts/nuc1/nixfleet.nix",
    code: `{ inputs, ... }:
{
  imports = [ inputs.nixfleet.nixosModules.nixfleet-agent ];

  services.nixfleet-agent = {
    enable    = true;
    url       = "https://fleet.example.net";
    tokenFile = "/etc/nixfleet/token";
    repoUrl   = "ssh://git@git.example.net/admin/nixcfg.git";
  };
}
`,
  });
  expect(switchByHand).toBe("nixos-rebuild switch --flake 'git+ssh://git@git.example.net/admin/nixcfg.git#nuc1'");
  expect(storeToken).toEqual(["install -d -m 0700 /etc/nixfleet", "install -m 0600 /dev/stdin /etc/nixfleet/token"]);
  expect(user).toBe("root");
});

test("macOS and Home Manager have their own module, command and token file", () => {
  const mac = hostSetup(input({ platform: "darwin" }));
  expect(mac.file.code).toContain("inputs.nixfleet.darwinModules.nixfleet-agent");
  expect(mac.switchByHand).toMatch(/^darwin-rebuild switch --flake /);
  const home = hostSetup(input({ platform: "home-manager" }));
  expect(home.file.code).toContain("{ config, inputs, ... }:");
  expect(home.file.code).toContain("inputs.nixfleet.homeModules.nixfleet-agent");
  expect(home.file.code).toContain(`tokenFile = "\${config.home.homeDirectory}/.config/nixfleet/token";`);
  expect(home.switchByHand).toBe("home-manager switch --flake git+ssh://git@git.example.net/admin/nixcfg.git");
  expect(home.storeToken.at(-1)).toBe("(umask 077; cat > ~/.config/nixfleet/token)");
  expect(home.user).toBe("user");
});

test("a branch other than main is in the snippet, the flake's address and the command by hand", () => {
  const setup = hostSetup(input({ branch: "fleet/live" }));
  expect(setup.file.code).toContain(`branch    = "fleet/live";`);
  expect(setup.switchByHand).toContain("?ref=fleet%2Flive#nuc1");
  expect(setup.runByHand).toContain("NIXFLEET_BRANCH=fleet/live");
});

test("a flake in a folder is in the snippet, its path, the flake's address and the command by hand", () => {
  const setup = hostSetup(input({ flakeDir: "machines" }));
  expect(setup.file.path).toBe("machines/hosts/nuc1/nixfleet.nix");
  expect(setup.file.code).toContain(`flakeDir  = "machines";`);
  expect(setup.switchByHand).toContain("?dir=machines#nuc1");
  expect(setup.runByHand).toContain("NIXFLEET_FLAKE_DIR=machines");
});

test("no snippet has a token: it is pasted, so that it is in no history and no process list", () => {
  const setup = hostSetup(input());
  expect(JSON.stringify(setup)).not.toContain("nf_");
});

test("every form of a repository's address becomes one that Nix knows", () => {
  expect(flakeRef("ssh://git@git.example.net/a.git", "main")).toBe("git+ssh://git@git.example.net/a.git");
  expect(flakeRef("https://git.example.net/a.git", "main")).toBe("git+https://git.example.net/a.git");
  expect(flakeRef("git@git.example.net:admin/a.git", "main")).toBe("git+ssh://git@git.example.net/admin/a.git");
  expect(flakeRef("git.example.net:/srv/a.git", "main")).toBe("git+ssh://git.example.net/srv/a.git");
  expect(flakeRef("/srv/a", "main")).toBe("git+file:///srv/a");
  expect(flakeRef("/srv/a", "main", "hosts/nix")).toBe("git+file:///srv/a?dir=hosts/nix");
  expect(flakeRef("/srv/a", "live", "nix")).toBe("git+file:///srv/a?ref=live&dir=nix");
  expect(flakeRef("file:///srv/a", "main")).toBe("git+file:///srv/a");
});

test("nothing in a text ends its Nix string or is evaluated in it", () => {
  expect(nixString(`a"b\\c\${d}$e`)).toBe(`"a\\"b\\\\c\\\${d}$e"`);
  fc.assert(
    fc.property(fc.string(), (text) => {
      const inside = nixString(text).slice(1, -1);
      // What is left once every escape is taken out neither ends the string nor begins an expression.
      expect(inside.replace(/\\[\s\S]/g, "")).not.toMatch(/"|\\|\$\{/);
    }),
  );
});

test("a loopback address is recognised", () => {
  for (const url of ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000"]) expect(isLoopback(url), url).toBe(true);
  for (const url of ["https://fleet.example.net", "http://192.168.1.5:8000"]) expect(isLoopback(url), url).toBe(false);
});
