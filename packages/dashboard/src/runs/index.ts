export { createIds, type Ids } from "./run-id.ts";
