export type { Link } from "./link.ts";
export { createLinkTable, type HostLive } from "./link-table.ts";
export { createAgentLinks } from "./links.ts";
export { createAgentUpgrade } from "./upgrade.ts";
