import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { pino } from "pino";
import { expect, test } from "vitest";
import { actorOf, type Principal, principalId, proofOf } from "./principal.ts";
import { createSealingKey } from "./sealing-key.ts";
import { createSessionKey } from "./session-key.ts";

const SECRET = "the-secret-of-the-session";
const TOKEN = "the-secret-of-the-token";

const session: Principal = {
  kind: "session",
  personId: "p1",
  name: "Alice",
  role: "admin",
  sessionId: "s1",
  key: createSessionKey(SECRET, 60_000, randomBytes),
};
const token: Principal = { kind: "token", id: "s1", name: "ci", role: "operator", key: createSealingKey(TOKEN, randomBytes) };

test("R58: a principal and an actor show no secret, whether they are logged, printed, thrown or written as JSON", () => {
  const actor = actorOf(session, { address: "192.0.2.1" }, proofOf({ password: "the-password" }));
  for (const shown of [session, token, actor]) {
    const lines: string[] = [];
    const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
    const error = Object.assign(new Error("A request failed", { cause: shown }), { principal: shown });
    log.error({ err: error, principal: shown, ...shown }, "A request failed");
    const text = [...lines, JSON.stringify(shown), inspect(shown, { depth: 9, showHidden: true }), inspect(error)].join("\n");
    expect(text).toContain(shown.name);
    const csrf = session.kind === "session" ? session.key.csrf() : "";
    for (const hidden of [SECRET, csrf, TOKEN, "the-password"]) expect(text).not.toContain(hidden);
  }
});

test("a session and a token of one id are two principals, and act as a person and as a token", () => {
  expect([principalId(session), principalId(token)]).toEqual(["session s1", "token s1"]);
  const origin = { address: "192.0.2.1" };
  const proof = proofOf({ password: "the-password" });
  expect(actorOf(session, origin)).toEqual({ kind: "person", id: "p1", name: "Alice", role: "admin", proof: null, ...origin });
  expect(actorOf(session, origin, proof)).toMatchObject({ kind: "person", proof });
  expect(actorOf(token, origin, proof)).toEqual({ kind: "token", id: "s1", name: "ci", role: "operator", ...origin });
});

test("R51: what a key has sealed is opened by the same secret, for the same context, and unchanged", () => {
  const key = createSealingKey("one", randomBytes);
  const sealed = key.seal("nf_web1_…", "answer 1");
  expect(sealed).not.toContain("nf_web1");
  expect(createSealingKey("one", randomBytes).unseal(sealed, "answer 1")).toBe("nf_web1_…");
  expect(createSealingKey("two", randomBytes).unseal(sealed, "answer 1")).toBe(null);
  expect(key.unseal(sealed, "answer 2")).toBe(null);
  expect(
    key.unseal(
      sealed.replace(/^./, (first) => (first === "A" ? "B" : "A")),
      "answer 1",
    ),
  ).toBe(null);
  expect(key.unseal("", "answer 1")).toBe(null);
  expect(key.seal("nf_web1_…", "answer 1")).not.toBe(sealed);
});

test("R58: a fingerprint is the same for the same text and secret alone", () => {
  const fingerprint = (secret: string, text: string) => createSealingKey(secret, randomBytes).fingerprint(text);
  expect(fingerprint("one", "a password")).toBe(fingerprint("one", "a password"));
  expect(fingerprint("one", "another")).not.toBe(fingerprint("one", "a password"));
  expect(fingerprint("two", "a password")).not.toBe(fingerprint("one", "a password"));
});
