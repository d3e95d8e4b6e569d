export { createHosts, type HostRecord, type Hosts } from "./hosts.ts";
export { createFleetViews, type FleetViews, type FleetViewsDeps } from "./views.ts";
