/** The names by which the modules install this agent in systemd. */
export const AGENT_UNITS = {
  daemon: "nixfleet-agent.service",
  runnerPath: "nixfleet-runner.path",
  runner: "nixfleet-runner.service",
  deadman: "nixfleet-deadman.service",
} as const;

const INSTALLED: readonly string[] = [AGENT_UNITS.daemon, AGENT_UNITS.runner, AGENT_UNITS.runnerPath];

/** Whether a unit file says which agent is installed and how: the dead-man switch at boot follows from the others. */
export function isAgentUnit(name: string): boolean {
  return INSTALLED.includes(name);
}
