import { type HostId, OpName, opDeclaration, REFUSALS, Role } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { Actor, PersonActor } from "../actor.ts";
import { authorize } from "./authorization.ts";

const person = (role: Role, proof: PersonActor["proof"] = null): PersonActor => ({
  kind: "person",
  id: "1",
  name: "ada",
  role,
  address: "192.0.2.1",
  proof,
});
const proof = { password: () => "secret" };
const program = (kind: "token" | "rollout" | "webhook" | "schedule", role: Role): Actor =>
  kind === "token" ? { kind, id: "2", name: "ci", role, address: "192.0.2.2" } : { kind, id: "2", name: "nightly", role };
const byHand: Actor = { kind: "host", id: "01j00000000000000000000000" as HostId, name: "alpha" };

const PROGRAMS = ["token", "rollout", "webhook", "schedule"] as const;
/** Ops that ask for a second factor, and the least role of each op, as the requirements have them. */
const WITH_PROOF: readonly OpName[] = ["reboot"];
const refused = (code: "role-too-low" | "second-factor-required") => ({ kind: "refused", code, reason: REFUSALS[code].sentence });

test.each(OpName.options)("R74: who may start %s: by role, and by proof where the op asks for one", (op) => {
  const asksProof = WITH_PROOF.includes(op);
  expect(opDeclaration(op)).toMatchObject({ role: "operator", secondFactor: asksProof });

  expect(authorize(person("viewer"), op)).toEqual(refused("role-too-low"));
  // A proof does not make up for a role.
  expect(authorize(person("viewer", proof), op)).toEqual(refused("role-too-low"));
  for (const role of ["operator", "admin"] as const) {
    const proven = person(role, proof);
    expect(authorize(person(role), op)).toEqual(asksProof ? refused("second-factor-required") : { kind: "allowed" });
    expect(authorize(proven, op)).toEqual(asksProof ? { kind: "verify", person: proven } : { kind: "allowed" });
  }

  for (const kind of PROGRAMS) {
    expect(authorize(program(kind, "viewer"), op)).toEqual(refused("role-too-low"));
    for (const role of ["operator", "admin"] as const) {
      expect(authorize(program(kind, role), op)).toEqual(asksProof ? refused("second-factor-required") : { kind: "allowed" });
    }
  }
  expect(authorize(byHand, op)).toEqual(refused("role-too-low"));
});

test("each role may do what the ones before it may", () => {
  const allowed = Role.options.map((role) => authorize(person(role), "pull").kind);
  expect(allowed).toEqual(["refused", "allowed", "allowed"]);
});
