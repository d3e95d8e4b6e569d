import fc from "fast-check";
import { expect, test } from "vitest";
import { FAILURES, OPS, OpName, opDeclaration, Phase, parseOpRequest, REFUSALS, Role } from "./index.ts";

const COMMIT = "a".repeat(40);
const valid: Record<OpName, readonly object[]> = {
  pull: [{}, { commit: COMMIT }],
  switch: [{ mode: "switch" }, { mode: "boot", commit: COMMIT }, { mode: "test" }],
  test: [{}],
  refresh: [{}],
  "restart-agent": [{}],
};

test.each(OpName.options)("R45: %s is declared whole, and reads its arguments", (op) => {
  const declaration = opDeclaration(op);
  expect(declaration.help).toMatch(/\.$/);
  expect(declaration.deadline).toBeGreaterThanOrEqual(1000);
  expect(declaration.phases.every((phase) => Phase.options.includes(phase))).toBe(true);
  expect(Role.options).toContain(declaration.role);
  for (const args of valid[op]) expect(parseOpRequest(op, args)).toEqual({ ok: true, request: { op, args } });
});

test.each(OpName.options)("R10: %s takes no argument that it does not declare, whatever it is called", (op) => {
  const declared = new Set(Object.keys(OPS[op].args.shape));
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (name, value) => {
      fc.pre(!declared.has(name) && name !== "__proto__");
      expect(parseOpRequest(op, { ...valid[op][0], [name]: value })).toMatchObject({ ok: false, code: "arguments-invalid" });
    }),
    { numRuns: 50 },
  );
  for (const name of ["pid", "path", "env", "shell", "command", "closure"]) {
    expect(parseOpRequest(op, { ...valid[op][0], [name]: "/bin/sh" })).toMatchObject({ ok: false, code: "arguments-invalid" });
  }
});

test("R10: a commit is a whole commit id and nothing that git would read otherwise", () => {
  for (const commit of ["HEAD", "-c core.sshCommand=x", "a".repeat(39), `${COMMIT}^`, "A".repeat(40), `${COMMIT}\n`]) {
    expect(parseOpRequest("pull", { commit })).toMatchObject({ ok: false, code: "arguments-invalid" });
  }
});

test("an op that is not in the registry is unknown, also if its name is one of JavaScript's own", () => {
  for (const op of ["format-disk", "constructor", "__proto__", ""]) {
    expect(parseOpRequest(op, {})).toMatchObject({ ok: false, code: "op-unknown" });
  }
});

test("every refusal and failure has a sentence and a next step", () => {
  for (const { sentence, next } of [...Object.values(REFUSALS), ...Object.values(FAILURES)]) {
    expect(sentence).toMatch(/^[A-Z].*\.$/i);
    expect(next).toMatch(/\.$/);
  }
});
