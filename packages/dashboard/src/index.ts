export { type Dashboard, type DashboardDeps, StartFault, startDashboard } from "./dashboard.ts";
