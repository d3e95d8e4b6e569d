export { createLive } from "./live.ts";
export { createLiveUpgrade } from "./upgrade.ts";
