import { FAILURES, type HostView, type Status } from "@nixfleet/protocol";

/** One step on the way of a new host into the fleet, as far as the dashboard has seen it. */
export interface Check {
  readonly key: "reach" | "token" | "protocol" | "clone";
  readonly status: Extract<Status, "ok" | "broken" | "unknown">;
  readonly words: string;
  /** What is wrong, and what helps. */
  readonly detail: string | null;
}

export interface FirstConnection {
  readonly state: "waiting" | "refused" | "here";
  readonly checks: readonly Check[];
}

/**
 * What the dashboard knows of a new host's first word. Nothing is inferred that the server has not seen: a check stays open
 * until a link, a refusal or a fact proves it.
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
  // A refusal counts until the host is in; whether its token was taken tells which step it ended at.
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
        words: "Token is accepted",
        detail: accepted ? null : (trouble?.reason ?? null),
      },
      {
        key: "protocol",
        status: wasHere ? "ok" : accepted && trouble !== null ? "broken" : "unknown",
        words: "Protocol fits",
        detail: accepted ? (trouble?.reason ?? null) : null,
      },
      {
        key: "clone",
        status: clone?.problem ? "broken" : clone?.commit ? "ok" : "unknown",
        words: "Config repository is cloned",
        detail: clone?.problem
          ? `${clone.problem.message} ${FAILURES[clone.problem.code].next}`
          : wasHere && !clone?.commit
            ? "Pull once, and it is."
            : null,
      },
    ],
  };
}
