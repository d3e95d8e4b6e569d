import { expect, test } from "vitest";
import { createHello } from "./hello.ts";

test("L17: facts and spools are looked at for this very hello, before it is said what there is", async () => {
  const steps: string[] = [];
  const hello = createHello({
    self: {
      hostname: "gate",
      instance: "1",
      policy: { allowedOps: [], allowRewind: false, signed: false, confirmTimeout: 0 },
      settings: { tags: [], location: "x", deviceType: "server", themeColor: null, interval: 5, repoUrl: "/x" },
    },
    facts: {
      freshen: async () => void steps.push("facts"),
      all: () => ({ readAt: 1, facts: {} }),
    },
    scan: async () => void steps.push("scan"),
    heldRuns: {
      async list() {
        steps.push("list");
        return [];
      },
    },
  });
  expect(await hello()).toMatchObject({ type: "hello", hostname: "gate", runs: [] });
  expect(steps).toEqual(["facts", "scan", "list"]);
});
