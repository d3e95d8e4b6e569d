import { expect, test } from "vitest";
import { applyMutant, findMutants } from "./mutants.ts";

/** What the line becomes by each mutant of it. */
function mutations(source: string): string[] {
  return findMutants("a.ts", source).map((mutant) => applyMutant(source, mutant));
}

test("a condition is negated, and a comparison turned round", () => {
  expect(mutations("if (a) b;")).toEqual(["if (!(a)) b;"]);
  expect(mutations("if (a === b) c;")).toEqual(["if (a !== b) c;"]);
  expect(mutations("c = a ? b : d;")).toContain("c = !(a) ? b : d;");
});

test("a boundary is moved by one to either side", () => {
  expect(mutations("if (a < b) c;")).toEqual(["if (a <= b) c;", "if (a >= b) c;"]);
  expect(mutations("if (a >= b) c;")).toEqual(["if (a > b) c;", "if (a < b) c;"]);
});

test("each operand of &&, || and ?? is dropped", () => {
  expect(mutations("f = a && b;")).toEqual([";", "f = a;", "f = b;"]);
  expect(mutations("f = a ?? b;")).toEqual([";", "f = a;", "f = b;"]);
});

test("arithmetic is turned round, but no text is subtracted", () => {
  expect(mutations("return_(a + b);")).toContain("return_(a - b);");
  expect(mutations("i++;")).toEqual(["i--;"]);
  expect(mutations("a += b;")).toContain("a -= b;");
  expect(mutations("throw `x` + b + c;")).toEqual([";"]);
});

test("a statement that does something is removed, and its await kept", () => {
  expect(mutations("f(a);")).toEqual([";"]);
  expect(mutations("await a.b?.(c);")).toEqual(["await undefined;"]);
  expect(mutations("void f();")).toEqual([";"]);
  expect(mutations("a.b = c;")).toEqual([";"]);
  expect(mutations("throw a;")).toEqual([";"]);
});

test("what is only said in a log is left alone", () => {
  expect(mutations('log("x"); deps.log("x"); log.warn("x"); console.log("x");')).toEqual([]);
});

test("a result is emptied as its declared type allows", () => {
  const result = (type: string, value: string) => mutations(`function f(): ${type} { return ${value}; }`);
  expect(result("Promise<Run | undefined>", "g()")).toEqual(["function f(): Promise<Run | undefined> { return undefined; }"]);
  expect(result("boolean", "g()")).toEqual(["function f(): boolean { return !(g()); }"]);
  expect(result("string[]", "g()")).toEqual(["function f(): string[] { return []; }"]);
  expect(result("Run", "g()")).toEqual([]);
  expect(mutations("const f = (): string => g();")).toEqual(['const f = (): string => "";']);
  expect(mutations("function f(): string { g(() => h); return k(); }")).toEqual([
    "function f(): string { ; return k(); }",
    'function f(): string { g(() => h); return ""; }',
  ]);
});

test("constants change: numbers and booleans anywhere, texts where they stand by themselves, types never", () => {
  expect(mutations("f = 5 * n;")).toContain("f = 0 * n;");
  expect(mutations("const a = { force: true, least: 0 };")).toEqual([
    "const a = { force: false, least: 0 };",
    "const a = { force: true, least: 1 };",
  ]);
  expect(mutations('const unit = "a.service"; const of = (x) => x("y");')).toEqual([
    'const unit = ""; const of = (x) => x("y");',
  ]);
  expect(mutations('type A = 5 | "x" | true; import "x";')).toEqual([]);
});

test("some becomes every, and the least number the largest; a schema's bound keeps its side", () => {
  expect(mutations("f = a.some(g);")).toContain("f = a.every(g);");
  expect(mutations("f = Math.max(a, b);")).toContain("f = Math.min(a, b);");
  expect(mutations("f = z.string().max(n);")).toEqual([";"]);
  expect(mutations("f = a.toString();")).toEqual([";"]);
});

test("a mutant knows the line that it is in", () => {
  const source = "a;\n\nif (\n  b\n) c;\n";
  expect(findMutants("a.ts", source).map(({ line, before }) => ({ line, before }))).toEqual([{ line: 4, before: "b" }]);
});

test("a file that is no TypeScript is refused by name", () => {
  expect(() => findMutants("a.ts", "if (")).toThrow("a.ts");
});
