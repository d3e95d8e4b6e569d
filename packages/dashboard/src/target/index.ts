export { createTarget, GRACE, type Target, type TargetDeps } from "./target.ts";
