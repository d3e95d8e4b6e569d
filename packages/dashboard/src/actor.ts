import type { ActorKind, HostId, Role } from "@nixfleet/protocol";

/** Who did something, as rows keep it: the name stays readable after the person, token or host is gone. */
export interface ActorRef {
  readonly kind: ActorKind;
  /** Null: somebody who is not known here, or the dashboard itself. */
  readonly id: string | null;
  readonly name: string;
}

/** What a person gives to show that it is them. A function, so that no log and no JSON text of an actor shows it (R58). */
export interface Proof {
  password(): string;
}

/** A person at a page. `proof` is what they gave to show that it is them; null: nothing. */
export interface PersonActor {
  readonly kind: "person";
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly address: string;
  readonly proof: Proof | null;
}

/** Who acts (R74). Role, proof, refusal and audit entry are decided by what this says, wherever it came in. */
export type Actor =
  | PersonActor
  | { readonly kind: "token"; readonly id: string; readonly name: string; readonly role: Role; readonly address: string }
  /** Acts with the role of whoever started it. */
  | { readonly kind: "rollout" | "webhook" | "schedule"; readonly id: string; readonly name: string; readonly role: Role }
  /** By hand, on the host itself. */
  | { readonly kind: "host"; readonly id: HostId; readonly name: string };

/** What rows keep of an actor. */
export function actorRef({ kind, id, name }: Actor): ActorRef {
  return { kind, id, name };
}

/** The address that an actor acts from; null: none, since it is a part of the dashboard. */
export function addressOf(actor: Actor): string | null {
  return "address" in actor ? actor.address : null;
}

/** An actor as the subject of a sentence. */
export function subjectOf(actor: Actor): string {
  switch (actor.kind) {
    case "person":
      return actor.name;
    case "token":
      return `The token ${actor.name}`;
    case "rollout":
      return `The rollout ${actor.name}`;
    case "webhook":
      return `The webhook ${actor.name}`;
    case "schedule":
      return `The schedule ${actor.name}`;
    case "host":
      return `Somebody on ${actor.name}`;
  }
}
