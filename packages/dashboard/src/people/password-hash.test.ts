import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { ARGON2_COST, hashPassword, parsePasswordHash, verifyPassword } from "./password-hash.ts";

const cheap = { memory: 64, passes: 1, parallelism: 1 };

test("a password fits its own hash alone, and two hashes of it differ", async () => {
  const [first, second] = await Promise.all([
    hashPassword("correct horse battery", randomBytes, cheap),
    hashPassword("correct horse battery", randomBytes, cheap),
  ]);
  expect(first).not.toBe(second);
  expect(await verifyPassword("correct horse battery", first)).toBe(true);
  expect(await verifyPassword("correct horse batterz", first)).toBe(false);
});

test("an accent typed on one keyboard fits the same accent typed on another", async () => {
  const hash = await hashPassword("caf\u00e9 au lait 12", randomBytes, cheap);
  expect(await verifyPassword("cafe\u0301 au lait 12", hash)).toBe(true);
});

test("a hash made by another program of the reference implementation fits", async () => {
  // From the test vectors of the reference implementation (github.com/P-H-C/phc-winner-argon2, src/test.c), version 0x13.
  const vector = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  expect(await verifyPassword("password", vector)).toBe(true);
  expect(await verifyPassword("differentpassword", vector)).toBe(false);
});

test("new hashes cost what OWASP asks for at least, and say so in PHC form", async () => {
  const hash = await hashPassword("correct horse battery", randomBytes);
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(parsePasswordHash(hash)).toMatchObject({ ok: true, value: { cost: ARGON2_COST } });
});

test("what is no argon2id hash, or would cost the machine its memory, is refused", () => {
  const salt = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  for (const text of [
    "",
    "secret",
    `$argon2i$v=19$m=256,t=2,p=1$${salt}`,
    `$argon2id$v=16$m=256,t=2,p=1$${salt}`,
    `$argon2id$v=19$m=2097152,t=2,p=1$${salt}`,
    `$argon2id$v=19$m=256,t=99,p=1$${salt}`,
    `$argon2id$v=19$m=7,t=1,p=1$${salt}`,
    `$argon2id$v=19$m=256,t=2,p=0$${salt}`,
  ]) {
    expect(parsePasswordHash(text), text).toMatchObject({ ok: false });
  }
});
