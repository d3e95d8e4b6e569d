import type { FixtureHost } from "@nixfleet/testkit";
import { afterAll, expect } from "vitest";
import { createHostPlace, createTestHost, type HostPlace, type TestHost } from "./host.fixture.ts";

export interface RunningHost {
  host: TestHost;
  /** What it runs. */
  first: string;
  /** A commit of another configuration, shaped by `next`. */
  second: string;
}

/** A place for all tests of a file whose host may have run and built whatever it likes before. */
export function createSharedPlace(): () => Promise<HostPlace> {
  let place: Promise<HostPlace> | undefined;
  afterAll(async () => (await place)?.[Symbol.asyncDispose]());
  return () => (place ??= createHostPlace());
}

/**
 * One host for all tests of a file, which begin on what the one before has left: each finds it running a configuration, and a
 * commit with the next one. `old` gives the shape of what runs; by default any does.
 */
export function createRunningHost(): (options: {
  config: Partial<TestHost["config"]>;
  old?: FixtureHost;
  next?: FixtureHost;
}) => Promise<RunningHost> {
  const place = createSharedPlace();
  let versions = 0;

  return async ({ config, old, next }) => {
    const host = await createTestHost({ place: await place(), config });
    const commit = (shape: FixtureHost = {}) =>
      host.flake.commitFlake("next", { hosts: { gate: { packages: 1, version: `${++versions}.0`, ...shape } } });
    const running = () => host.deps.platform.runningClosure();
    if (old !== undefined || (await running()) === undefined) {
      const runId = await host.ask("switch", {}, { commit: await commit(old) });
      await host.run({ config: { ...host.config, confirmTimeout: 0 } });
      expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
    }
    const first = (await running()) ?? "";
    expect(first).not.toBe("");
    return { host, first, second: await commit(next) };
  };
}
