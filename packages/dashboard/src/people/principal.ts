import type { Role } from "@nixfleet/protocol";
import type { Actor, Proof } from "../actor.ts";
import type { SealingKey } from "./sealing-key.ts";
import type { SessionKey } from "./session-key.ts";

/** Who makes a request, as its credentials have shown. */
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

/** Where a request comes from. */
export interface RequestOrigin {
  readonly address: string;
  /** `User-Agent` as it came. */
  readonly agent: string;
}

/** The session or token, as a text that no other one has. */
export function principalId(principal: Principal): string {
  switch (principal.kind) {
    case "session":
      return `session ${principal.sessionId}`;
    case "token":
      return `token ${principal.id}`;
  }
}

/** Who acts when a principal makes a request. A token has no proof to give. */
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
