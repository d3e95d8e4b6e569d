export { factsRead, type KnownFact, type KnownFacts, knownFacts, storeFacts } from "./host-facts.ts";
export { storeHello, storeSeen } from "./host-seen.ts";
export { createHosts, factValues, type HostRecord, type Hosts, type Note } from "./hosts.ts";
