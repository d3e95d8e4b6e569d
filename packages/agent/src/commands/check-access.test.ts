import { expect, test } from "vitest";
import type { AccessRecord } from "../spool/shapes.ts";
import { accessFinding } from "./check-access.ts";

const program = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nodejs/bin/node";
const found = (value: Omit<AccessRecord, "program">) => accessFinding({ kind: "ok", value: { program, ...value } });

test("R36: where macOS forbids the runner what each activation does, check fails and names the program to grant it to", () => {
  expect(found({ fullDisk: false, apps: "denied" })).toMatchObject({
    name: "macos-access",
    state: "failed",
    fix: expect.stringContaining(`Grant Full Disk Access to ${program}`),
  });
});

test.for(["none", "allowed"] as const)(
  "R36: check names what macOS will ask for later, where it is not needed now (apps: %s)",
  (apps) => {
    expect(found({ fullDisk: false, apps })).toMatchObject({
      state: "ok",
      detail: expect.stringContaining(`${program} needs Full Disk Access`),
    });
  },
);

test("R36: with Full Disk Access there is nothing to do; before the runner has asked, it is not known", () => {
  expect(found({ fullDisk: true, apps: "allowed" })).toEqual({
    name: "macos-access",
    state: "ok",
    detail: "the runner has Full Disk Access",
  });
  expect(accessFinding({ kind: "missing" })).toMatchObject({ state: "unknown" });
  expect(accessFinding({ kind: "refused", reason: "access.json is a link" })).toMatchObject({ state: "unknown" });
});
