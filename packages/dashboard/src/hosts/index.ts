export { factsOfReading, type KnownFacts, knownFacts, redactInputs, storeFacts } from "./host-facts.ts";
export { storeConnected, storeHello, storeLastSeen } from "./host-seen.ts";
export { type SourceName, sourceIdOf, sourceNameOf } from "./host-source.ts";
export { createHosts, type DescribeHostChange, factValues, type HostRecord, type Hosts } from "./hosts.ts";
export { type HostPresence, NO_PRESENCE, type Presence } from "./presence.ts";
