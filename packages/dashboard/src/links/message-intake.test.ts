import { type HostId, MAX_UNACKNOWLEDGED_BYTES } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { Link } from "./link.ts";
import { createMessageIntake, type MessageIntakeDeps } from "./message-intake.ts";

const LIMIT = 2 * MAX_UNACKNOWLEDGED_BYTES;
const ALL = 64 * 1024 * 1024;

/** An intake whose storage takes nothing until it is let go. */
function open() {
  const held = Promise.withResolvers<void>();
  const deps = {
    store: { change: () => held.promise },
    refusals: { logOnce: () => {} },
    bug: () => () => {},
  } as unknown as MessageIntakeDeps;
  const intake = createMessageIntake(deps);
  const closed: number[] = [];
  const link = () =>
    ({
      hostId: "01j00000000000000000000000" as HostId,
      state: "open",
      close: (code: number) => closed.push(code),
    }) as unknown as Link;
  const send = (to: Link, size: number) => intake.receive(to, { type: "facts", reading: { readAt: 1, facts: {} } }, size);
  return { link, send, closed, letGo: held.resolve };
}

test("L18: of one link twice what may be unacknowledged waits to be stored, and more once that is stored", async () => {
  const { link, send, closed, letGo } = open();
  const one = link();
  send(one, LIMIT);
  expect(closed).toEqual([]);
  send(one, 1);
  expect(closed).toEqual([1013]);
  send(link(), LIMIT);
  letGo();
  await new Promise(setImmediate);
  send(one, LIMIT);
  expect(closed).toEqual([1013]);
});

test("L18: what waits of all links is bounded too, and what is stored makes room", async () => {
  const { link, send, closed, letGo } = open();
  for (let waiting = 0; waiting < ALL; waiting += LIMIT) send(link(), LIMIT);
  expect(closed).toEqual([]);
  send(link(), 1);
  expect(closed).toEqual([1013]);
  letGo();
  await new Promise(setImmediate);
  for (let waiting = 0; waiting < ALL; waiting += LIMIT) send(link(), LIMIT);
  expect(closed).toEqual([1013]);
});
