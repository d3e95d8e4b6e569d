export { createTarget, type Target } from "./target.ts";
