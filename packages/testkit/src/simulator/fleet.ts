import { PING_INTERVAL } from "@nixfleet/protocol";
import { type Clock, systemClock } from "@nixfleet/runtime";
import { createHealthyHost } from "./healthy-host.ts";
import type { Behaviour } from "./script.ts";
import { createSimulatedHost, type SimulatedHost, type SimulatedHostOptions } from "./simulated-host.ts";

export interface FleetSimulatorOptions {
  /** ws://host:port/agent/link */
  url: string;
  hosts: readonly SimulatedHostOptions[];
  /** Of hosts that have none of their own. Default: createHealthyHost. */
  behaviour?: Behaviour;
  clock?: Clock;
  /** From 0 up to but not including 1. */
  random?: () => number;
  /** Hosts dial for the first time spread over so many milliseconds. */
  startWithin?: number;
  backoff?: { first: number; longest: number };
  /** How often each frame is sent. */
  copies?: number;
}

/** Any number of hosts over real WebSockets, in one process: ten thousand idle ones cost some hundred megabytes. */
export interface FleetSimulator extends AsyncDisposable {
  readonly hosts: readonly SimulatedHost[];
  host(name: string): SimulatedHost;
  readonly connected: number;
  /** Resolves when exactly so many are connected, all by default. */
  whenConnected(count?: number): Promise<void>;
  start(): void;
  stop(): void;
}

export function createFleetSimulator(options: FleetSimulatorOptions): FleetSimulator {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const waiting = new Set<{ count: number; resolve: () => void }>();
  const deps = {
    url: options.url,
    clock,
    random,
    behaviour: options.behaviour ?? createHealthyHost(),
    backoff: options.backoff ?? { first: 1000, longest: 30_000 },
    copies: options.copies ?? 1,
    changed,
  };
  const hosts = options.hosts.map((host) => createSimulatedHost(host, deps));
  const timers = new Set<{ cancel(): void }>();
  let connected = 0;

  function changed(by: 1 | -1): void {
    connected += by;
    for (const waiter of waiting) {
      if (waiter.count !== connected) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** One timer for all: each host pings within the interval. */
  function keepAlive(): void {
    for (const host of hosts) host.ping();
    timers.add(clock.setTimeout(keepAlive, PING_INTERVAL));
  }

  const fleet: FleetSimulator = {
    hosts,
    host(name) {
      const found = hosts.find((host) => host.name === name);
      if (found === undefined) throw new Error(`There is no simulated host ${name}`);
      return found;
    },
    get connected() {
      return connected;
    },
    whenConnected(count = hosts.length) {
      if (connected === count) return Promise.resolve();
      return new Promise((resolve) => waiting.add({ count, resolve }));
    },
    start() {
      const within = options.startWithin ?? 0;
      for (const host of hosts) {
        if (within === 0) host.start();
        else timers.add(clock.setTimeout(() => host.start(), random() * within));
      }
      timers.add(clock.setTimeout(keepAlive, PING_INTERVAL));
    },
    stop() {
      for (const timer of timers) timer.cancel();
      for (const host of hosts) host.stop();
    },
    [Symbol.asyncDispose]: async () => fleet.stop(),
  };
  return fleet;
}
