import { expect, test } from "vitest";
import { reachability, STALE_LIMIT } from "./reachability.ts";

const now = 1_000_000_000;

test.each([
  { title: "a host that never connected", connectedSince: null, lastSeenAt: null, is: { state: "never", since: null } },
  { title: "an open link", connectedSince: now - 5, lastSeenAt: now - 1, is: { state: "online", since: now - 5 } },
  {
    title: "an open link on which nothing was heard for long",
    connectedSince: now - 9e8,
    lastSeenAt: now - 8e8,
    is: { state: "online", since: now - 9e8 },
  },
  { title: "a link that has just gone", connectedSince: null, lastSeenAt: now, is: { state: "stale", since: now } },
  {
    title: "the last moment before five minutes",
    connectedSince: null,
    lastSeenAt: now - STALE_LIMIT + 1,
    is: { state: "stale", since: now - STALE_LIMIT + 1 },
  },
  {
    title: "five minutes",
    connectedSince: null,
    lastSeenAt: now - STALE_LIMIT,
    is: { state: "offline", since: now - STALE_LIMIT },
  },
] as const)("F9: $title is $is.state", ({ connectedSince, lastSeenAt, is }) => {
  const found = reachability({ connectedSince, lastSeenAt }, now);
  expect(found).toMatchObject(is);
  // Only what turns by time alone says when.
  expect(found.changesIn).toBe(is.state === "stale" ? is.since + STALE_LIMIT - now : null);
});
