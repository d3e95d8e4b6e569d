export { createHosts, type HostRecord, type Hosts, type Note } from "./hosts.ts";
export { createFleetViews, type FleetViews, type Haste } from "./views.ts";
