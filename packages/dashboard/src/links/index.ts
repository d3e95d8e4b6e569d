export type { Link } from "./link.ts";
export type { LinkSocket } from "./link-socket.ts";
export { createLinkTable, type HostLive, type LinkTable } from "./link-table.ts";
export { type AgentLinks, type AgentLinksDeps, createAgentLinks } from "./links.ts";
export { type AgentUpgrade, type AgentUpgradeDeps, createAgentUpgrade } from "./upgrade.ts";
