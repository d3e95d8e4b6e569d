import type { ActorKind } from "@nixfleet/protocol";

/** Who did something, as rows keep it: the name stays readable after the person, token or host is gone. */
export interface ActorRef {
  readonly kind: ActorKind;
  /** Null: somebody who is not known here, or the dashboard itself. */
  readonly id: string | null;
  readonly name: string;
}
