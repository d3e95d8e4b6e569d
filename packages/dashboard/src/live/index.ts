export { createLive, type Live, type LiveDeps } from "./live.ts";
export { createLiveUpgrade, type LiveUpgrade } from "./upgrade.ts";
