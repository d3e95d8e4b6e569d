export { createFleetViews, type FleetViews, type Haste } from "./views.ts";
