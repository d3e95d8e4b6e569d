import type { FactsReading } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { factsOfReading, knownFacts } from "./host-facts.ts";

test("R58: a token that an older agent tells with the inputs of its flake.lock is neither shown nor passed on", () => {
  const lock = { hash: "0".repeat(64), inputs: { a: { revision: "1", from: "git:https://t0ken@h.example/r" }, b: {} } };
  const safe = { ...lock, inputs: { ...lock.inputs, a: { revision: "1", from: "git:https://[redacted]@h.example/r" } } };
  expect(knownFacts([{ name: "lock", value: JSON.stringify(lock), read_at: 5 }])).toEqual({ lock: { value: safe, readAt: 5 } });
  const reading: FactsReading = { readAt: 5, facts: { lock, kernel: "6.12" } };
  expect(factsOfReading(reading)).toEqual({ lock: { value: safe, readAt: 5 }, kernel: { value: "6.12", readAt: 5 } });
});
