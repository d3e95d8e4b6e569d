export { createTarget, type Standing, type Target } from "./target.ts";
