import type { TargetView } from "@nixfleet/protocol";
import { type TopicState, topicValues } from "./topic-state.ts";

const NOT_CONFIGURED: TargetView = { state: "not-configured" };

/** The target that the pages show: that of the declared source, or that none is declared. It keeps its identity while it is the same. */
export function targetOf(fleet: TopicState<"fleet">): TargetView {
  return topicValues(fleet, "source")[0] ?? NOT_CONFIGURED;
}
