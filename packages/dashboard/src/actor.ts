import type { ActorKind, HostId, Role } from "@nixfleet/protocol";

/** A stored reference to an actor: the name stays readable after the person, token or host is removed. */
export interface ActorRef {
  readonly kind: ActorKind;
  /** Null: not identified, or the dashboard itself. */
  readonly id: string | null;
  readonly name: string;
}

/** A person's proof of identity. A function, so that no log and no JSON text of an actor shows it (R58). */
export interface Proof {
  password(): string;
}

/** A person at a page. `proof` null: none given. */
export interface PersonActor {
  readonly kind: "person";
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly address: string;
  readonly proof: Proof | null;
}

/** Who acts (R74). Decides role, proof, refusal and audit entry, wherever the request came from. */
export type Actor =
  | PersonActor
  | { readonly kind: "token"; readonly id: string; readonly name: string; readonly role: Role; readonly address: string }
  /** Acts with the role of the person or token that started it. */
  | { readonly kind: "rollout" | "webhook" | "schedule"; readonly id: string; readonly name: string; readonly role: Role }
  /** By hand, on the host itself. */
  | { readonly kind: "host"; readonly id: HostId; readonly name: string };

/** The stored reference to an actor. */
export function actorRef({ kind, id, name }: Actor): ActorRef {
  return { kind, id, name };
}

/** The address of an actor; null: a part of the dashboard. */
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
