export type { Link } from "./link.ts";
export { createLinkTable } from "./link-table.ts";
export { type AgentLinks, createAgentLinks } from "./links.ts";
export { createAgentUpgrade } from "./upgrade.ts";
