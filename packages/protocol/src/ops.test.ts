import fc from "fast-check";
import { expect, test } from "vitest";
import { FAILURES, OPS, OpName, opDeclaration, Phase, parseOpRequest, REFUSALS, Role } from "./index.ts";

const COMMIT = "a".repeat(40);
const CLOSURE = `/nix/store/${"1".repeat(32)}-nixos-system-alpha`;
const valid: Record<OpName, readonly object[]> = {
  pull: [{}, { commit: COMMIT }],
  preview: [{}, { commit: COMMIT }, { generation: 10 }, { commit: COMMIT, against: 9 }, { generation: 9, against: 10 }],
  switch: [{ mode: "switch" }, { mode: "boot", commit: COMMIT }, { mode: "test" }, { mode: "switch", closure: CLOSURE }],
  rollback: [{ generation: 10 }, { generation: 0 }],
  test: [{}],
  reboot: [{}],
  "collect-garbage": [{ keepDays: 30 }, { keepDays: 0 }],
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

test("R34: a rollback names its generation by a whole number and by nothing else, and a preview looks at one thing", () => {
  for (const generation of [undefined, -1, 1.5, "10", "previous", CLOSURE]) {
    expect(parseOpRequest("rollback", { generation })).toMatchObject({ ok: false, code: "arguments-invalid" });
  }
  expect(parseOpRequest("preview", { commit: COMMIT, generation: 3 })).toMatchObject({
    ok: false,
    code: "arguments-invalid",
    reason: expect.stringContaining("not both"),
  });
});

test("R10: a switch is bound to a store path and to nothing that a shell or a file system would read otherwise", () => {
  for (const closure of ["/etc/passwd", `${CLOSURE}/bin/sh`, `${CLOSURE}\n`, `../..${CLOSURE}/..`, "$(id)", ""]) {
    expect(parseOpRequest("switch", { closure })).toMatchObject({ ok: false, code: "arguments-invalid" });
  }
});

test("R49: the ops that ask for proof that it is you are those that take a machine away", () => {
  expect(OpName.options.filter((op) => opDeclaration(op).secondFactor)).toEqual(["reboot"]);
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
