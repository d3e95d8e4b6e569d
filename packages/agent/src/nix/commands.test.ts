import { Commit } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { evaluateCommand } from "./commands.ts";

test("R75: an evaluation names HEAD, of which Nix warns otherwise, and asks no cache of earlier ones", () => {
  const commit = Commit.parse("0123456789012345678901234567890123456789");
  const attribute = "nixosConfigurations.web.config.system.build.toplevel";
  const target = { clone: "/var/lib/nixfleet-runner/a repo", commit, attribute, submodules: false };
  const argv = evaluateCommand(target);
  expect(argv).toContain("--no-eval-cache");
  expect(argv.at(-1)).toBe(
    `git+file:///var/lib/nixfleet-runner/a%20repo?ref=HEAD&rev=${commit}#nixosConfigurations.web.config.system.build.toplevel.drvPath`,
  );
});
