import { Commit } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { evaluateCommand } from "./commands.ts";

const commit = Commit.parse("0123456789012345678901234567890123456789");

test("R75: an evaluation names HEAD, of which Nix warns otherwise, and asks no cache of earlier ones", () => {
  const attribute = "nixosConfigurations.web.config.system.build.toplevel";
  const target = { clone: "/var/lib/nixfleet-runner/a repo", flakeDir: "", commit, attribute, submodules: false };
  const argv = evaluateCommand(target);
  expect(argv).toContain("--no-eval-cache");
  expect(argv.at(-1)).toBe(
    `git+file:///var/lib/nixfleet-runner/a%20repo?ref=HEAD&rev=${commit}#nixosConfigurations.web.config.system.build.toplevel.drvPath`,
  );
});

test("a flake in a folder of the repository is named with its folder", () => {
  const argv = evaluateCommand({
    clone: "/var/lib/nixfleet-runner/repo",
    flakeDir: "hosts/my+nix",
    commit,
    attribute: "nixosConfigurations.web",
    submodules: false,
  });
  expect(argv.at(-1)).toBe(
    `git+file:///var/lib/nixfleet-runner/repo?ref=HEAD&rev=${commit}&dir=hosts/my%2Bnix#nixosConfigurations.web.drvPath`,
  );
});
