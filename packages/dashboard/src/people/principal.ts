import type { Role } from "@nixfleet/protocol";
import type { Actor, Proof } from "../actor.ts";
import type { SealingKey } from "./sealing-key.ts";
import type { SessionKey } from "./session-key.ts";

/** The authenticated author of a request. */
export type Principal = SessionPrincipal | TokenPrincipal;

/** A person in a browser, by the session's cookie. */
export interface SessionPrincipal {
  readonly kind: "session";
  readonly personId: string;
  readonly name: string;
  readonly role: Role;
  readonly sessionId: string;
  readonly key: SessionKey;
}

/** A program, by its API token. */
export interface TokenPrincipal {
  readonly kind: "token";
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly key: SealingKey;
}

/** The origin of a request. */
export interface RequestOrigin {
  readonly address: string;
  /** `User-Agent` as received. */
  readonly agent: string;
}

/** A unique text for the session or token. */
export function principalId(principal: Principal): string {
  switch (principal.kind) {
    case "session":
      return `session ${principal.sessionId}`;
    case "token":
      return `token ${principal.id}`;
  }
}

/** The actor of a principal's request. A token gives no proof. */
export function actorOf(
  principal: Principal,
  { address }: Pick<RequestOrigin, "address">,
  proof: Proof | null = null,
): Extract<Actor, { kind: "person" | "token" }> {
  const { name, role } = principal;
  switch (principal.kind) {
    case "session":
      return { kind: "person", id: principal.personId, name, role, proof, address };
    case "token":
      return { kind: "token", id: principal.id, name, role, address };
  }
}

/** The proof that a request carries in its body; null: none. */
export function proofOf(body: { password: string } | undefined): Proof | null {
  return body === undefined ? null : { password: () => body.password };
}
