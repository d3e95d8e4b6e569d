/** The labels by which the modules install this agent in launchd. */
export const AGENT_JOBS = {
  daemon: "com.nixfleet.agent",
  runner: "com.nixfleet.runner",
  deadman: "com.nixfleet.deadman",
} as const;

/** The property lists of launchd by which the modules install this agent. */
export function isAgentPlist(name: string): boolean {
  return /^com\.nixfleet\.[\w.-]+\.plist$/.test(name);
}
