import type { HostId, SourceId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createBus } from "./bus.ts";

const hostId = "01j00000000000000000000000" as HostId;
const sourceId = "0123456789abcdef" as SourceId;

function makeBus() {
  const errors: unknown[] = [];
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (facts: unknown) => void errors.push(facts) };
  return { ...createBus({ log: log as never }), errors };
}

test("a listener that throws or rejects is logged with its owner and disturbs nobody", async () => {
  const { bus, publish, errors } = makeBus();
  const heard: string[] = [];
  const listen = (owner: string, does: () => void | Promise<void>) => bus.on("host.changed", does, { owner });
  listen("thrower", () => {
    throw new Error("one");
  });
  listen("rejecter", () => Promise.reject(new Error("two")));
  listen("last", () => void heard.push("last"));
  publish("host.changed", { hostId });
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual(["last"]);
  expect(errors).toMatchObject([{ owner: "thrower" }, { owner: "rejecter" }]);
});

test("listening ends with its signal or its own function, also in the middle of an event", () => {
  const { bus } = makeBus();
  const heard: string[] = [];
  const controller = new AbortController();
  bus.on("source.changed", () => void heard.push("signal"), { owner: "a", signal: controller.signal });
  const hearOnce = () => {
    heard.push("once");
    stop();
  };
  const stop = bus.on("source.changed", hearOnce, { owner: "b" });
  bus.on("source.changed", () => void heard.push("never"), { owner: "c", signal: AbortSignal.abort() });
  bus.emit("source.changed", { sourceId });
  controller.abort();
  bus.emit("source.changed", { sourceId });
  expect(heard).toEqual(["signal", "once"]);
});
