import { FAILURES, type HostView, type Status, sentence } from "@nixfleet/protocol";

/** One check of the connection of a new host, as far as the dashboard has seen it. */
export interface Check {
  readonly key: "reach" | "token" | "protocol" | "clone";
  readonly status: Extract<Status, "ok" | "broken" | "unknown">;
  readonly words: string;
  /** What is wrong, and how to fix it. */
  readonly detail: string | null;
}

export interface FirstConnection {
  readonly state: "waiting" | "refused" | "here";
  readonly checks: readonly Check[];
}

/**
 * What the dashboard knows about a new host's first connection. Nothing is guessed: a check stays open until a link, a refusal or a
 * fact proves it.
 */
export function firstConnectionOf(
  view: Pick<HostView, "row" | "token" | "facts" | "lastRefusedLink">,
  dashboard: string,
): FirstConnection {
  const { row, token, facts, lastRefusedLink: refused } = view;
  const here = row.reachability.state === "online";
  const wasHere = here || row.reachability.state !== "never";
  const used = token !== null && token.lastUsedAt !== null;
  const accepted = wasHere || used;
  // A refusal counts until the host has connected; whether its token was accepted shows which check failed.
  const trouble = wasHere ? null : refused;
  const clone = facts.clone;
  return {
    state: wasHere ? "here" : trouble === null ? "waiting" : "refused",
    checks: [
      {
        key: "reach",
        status: accepted || refused !== null ? "ok" : "unknown",
        words: `Reaches ${dashboard}`,
        detail: null,
      },
      {
        key: "token",
        status: accepted ? "ok" : trouble === null ? "unknown" : "broken",
        words: "Token accepted",
        detail: accepted ? null : (trouble?.reason ?? null),
      },
      {
        key: "protocol",
        status: wasHere ? "ok" : accepted && trouble !== null ? "broken" : "unknown",
        words: "Protocol version supported",
        detail: accepted ? (trouble?.reason ?? null) : null,
      },
      {
        key: "clone",
        status: clone?.problem ? "broken" : clone?.commit ? "ok" : "unknown",
        words: "Config repository cloned",
        detail: clone?.problem
          ? `${sentence(clone.problem.message)} ${FAILURES[clone.problem.code].next}`
          : wasHere && !clone?.commit
            ? "Pull once to clone it."
            : null,
      },
    ],
  };
}
