export { createLive, type Live } from "./live.ts";
export { createLiveUpgrade } from "./upgrade.ts";
