import type { PathEvidence } from "../deadman/decide.ts";

/** What a dashboard that was asked has said, or why nothing came. */
export type DashboardAnswer =
  | { kind: "yes" }
  /** Why not, for a person, and what that says of the path to it. */
  | { kind: "no"; reason: string; path: PathEvidence };

/** Statuses of what stands before a dashboard and finds none behind it, and of one that is starting. */
const AWAY = new Set([502, 503, 504]);

/** Judges an answer by its status, and by the code of its problem document where it has one. */
export function judgeResponse(status: number, problem: string | undefined): DashboardAnswer {
  if (status === 200) return { kind: "yes" };
  if (problem === "host-not-linked") {
    return { kind: "no", reason: "the host's agent is not linked to the dashboard yet", path: "not-linked" };
  }
  return { kind: "no", reason: `the dashboard answers ${status}`, path: AWAY.has(status) ? "dashboard-away" : "none" };
}

/**
 * Judges an error by its code (errno(3), or one of Node's for TLS). A connection that is refused has reached the machine that refuses
 * it. No route, no name, silence, a connection that breaks off or a certificate that does not fit can all be the host's own doing.
 */
export function judgeError(code: string): DashboardAnswer {
  return { kind: "no", reason: code, path: code === "ECONNREFUSED" ? "dashboard-away" : "none" };
}

/**
 * Judges what a proxy says. One that looked for the dashboard and found nobody has been reached, so it is not the host that is cut off. One
 * that cannot be reached, refuses, or wants another password can be the host's own doing: it may run on this very host.
 */
export function judgeProxy({ message, isBeyond }: { message: string; isBeyond: boolean }): DashboardAnswer {
  const reason = message.replace(/\.$/, "").replace(/^T/, "t");
  return { kind: "no", reason, path: isBeyond ? "dashboard-away" : "none" };
}
