import { type ESTree, parseSync, Visitor } from "rolldown/utils";
import { emptyResult } from "./empty-result.ts";

/** One small fault that can be put into a file. Offsets are those of the file's text, `end` is exclusive. */
export interface Mutant {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Number of the line, from 1, in which the fault begins. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly kind: MutantKind;
  /** Text that is replaced, and the text that comes in its place. */
  readonly before: string;
  readonly after: string;
}

export type MutantKind =
  | "negated condition"
  | "moved boundary"
  | "swapped comparison"
  | "dropped operand"
  | "swapped arithmetic"
  | "swapped function"
  | "removed statement"
  | "emptied result"
  | "changed constant";

/** The file with the fault in it. */
export function applyMutant(source: string, { start, end, after }: Pick<Mutant, "start" | "end" | "after">): string {
  return source.slice(0, start) + after + source.slice(end);
}

/** Program of a file of TypeScript (also with JSX). Throws where the file is none. */
export function parseProgram(file: string, source: string): ESTree.Program {
  const { program, errors } = parseSync(file, source, { preserveParens: true });
  if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join("; ")}`);
  return program;
}

const BOUNDARIES: ReadonlyMap<string, string> = new Map([
  ["<", "<="],
  ["<=", "<"],
  [">", ">="],
  [">=", ">"],
]);
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ["<", ">="],
  ["<=", ">"],
  [">", "<="],
  [">=", "<"],
  ["===", "!=="],
  ["!==", "==="],
  ["==", "!="],
  ["!=", "=="],
]);
const ARITHMETIC: ReadonlyMap<string, string> = new Map([
  ["+", "-"],
  ["-", "+"],
  ["*", "/"],
  ["/", "*"],
  ["%", "*"],
  ["+=", "-="],
  ["-=", "+="],
  ["++", "--"],
  ["--", "++"],
]);
const EXTREMES: ReadonlyMap<string, string> = new Map([
  ["min", "max"],
  ["max", "min"],
]);
const QUANTIFIERS: ReadonlyMap<string, string> = new Map([
  ["some", "every"],
  ["every", "some"],
]);

/**
 * All faults that can be put into a file, by their place. Each is one that TypeScript mostly lets pass and a person could make.
 * What is only said in a log is left out.
 */
export function findMutants(file: string, source: string): Mutant[] {
  const found: Mutant[] = [];
  const lineOf = lineNumbers(source);
  const text = ({ start, end }: ESTree.Span) => source.slice(start, end);
  const add = (kind: MutantKind, { start, end }: ESTree.Span, after: string) => {
    const before = source.slice(start, end);
    if (before !== after) found.push({ file, line: lineOf(start), start, end, kind, before, after });
  };
  /** Replaces the operator, which is the first of its text between the operands. */
  const swap = (kind: MutantKind, from: number, operator: string, after: string | undefined) => {
    if (after === undefined) return;
    const start = source.indexOf(operator, from);
    add(kind, { start, end: start + operator.length }, after);
  };
  const negate = (test: ESTree.Expression) => {
    if (!isComparison(test)) add("negated condition", test, `!(${text(test)})`);
  };

  // What the functions around the place say that they return; null: it is not said.
  const results: (ESTree.TSTypeAnnotation | null)[] = [];
  const enter = (node: { returnType?: ESTree.TSTypeAnnotation | null | undefined }) => results.push(node.returnType ?? null);
  const leave = () => results.pop();
  const emptyReturn = (value: ESTree.Expression) => {
    const declared = results.at(-1);
    if (declared === null || declared === undefined || isBoolean(value)) return;
    const empty = emptyResult(text(declared.typeAnnotation), text(value));
    if (empty !== undefined) add("emptied result", value, empty);
  };
  let types = 0;
  let constants = 0;

  new Visitor({
    IfStatement: ({ test }) => negate(test),
    ConditionalExpression: ({ test }) => negate(test),
    WhileStatement: ({ test }) => add("changed constant", test, "false"),
    BinaryExpression(node) {
      swap("moved boundary", node.left.end, node.operator, BOUNDARIES.get(node.operator));
      swap("swapped comparison", node.left.end, node.operator, OPPOSITES.get(node.operator));
      if (node.operator !== "+" || !(isText(node.left) || isText(node.right)))
        swap("swapped arithmetic", node.left.end, node.operator, ARITHMETIC.get(node.operator));
    },
    LogicalExpression(node) {
      add("dropped operand", node, text(node.left));
      add("dropped operand", node, text(node.right));
    },
    AssignmentExpression(node) {
      if (!isText(node.right)) swap("swapped arithmetic", node.left.end, node.operator, ARITHMETIC.get(node.operator));
    },
    UpdateExpression: (node) =>
      swap("swapped arithmetic", node.prefix ? node.start : node.argument.end, node.operator, ARITHMETIC.get(node.operator)),
    CallExpression({ callee }) {
      if (callee.type !== "MemberExpression" || callee.computed || callee.property.type !== "Identifier") return;
      const { object, property } = callee;
      // Those of numbers: a schema has functions of these names as well.
      if (EXTREMES.has(property.name) && !(object.type === "Identifier" && object.name === "Math")) return;
      const after = EXTREMES.get(property.name) ?? QUANTIFIERS.get(property.name);
      if (after !== undefined) add("swapped function", property, after);
    },
    ExpressionStatement(node) {
      const after = removal(node.expression);
      if (after !== undefined) add("removed statement", node, after);
    },
    ThrowStatement: (node) => add("removed statement", node, ";"),

    FunctionDeclaration: enter,
    "FunctionDeclaration:exit": leave,
    FunctionExpression: enter,
    "FunctionExpression:exit": leave,
    ArrowFunctionExpression(node) {
      enter(node);
      if (node.body.type !== "BlockStatement") emptyReturn(node.body);
    },
    "ArrowFunctionExpression:exit": leave,
    ReturnStatement({ argument }) {
      if (argument !== null) emptyReturn(argument);
    },

    VariableDeclaration({ kind }) {
      if (kind === "const" && results.length === 0) constants++;
    },
    "VariableDeclaration:exit"({ kind }) {
      if (kind === "const" && results.length === 0) constants--;
    },
    TSLiteralType: () => void types++,
    "TSLiteralType:exit": () => void types--,
    Literal(node) {
      if (types > 0) return;
      if (isBoolean(node)) add("changed constant", node, String(!node.value));
      else if (typeof node.value === "number") add("changed constant", node, node.value === 0 ? "1" : "0");
      else if (typeof node.value === "string" && constants > 0 && results.length === 0 && node.value !== "")
        add("changed constant", node, '""');
    },
  }).visit(parseProgram(file, source));
  return found.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** What comes in the place of a statement that is removed. An `await` is kept, so that the order of all else stays as it was. */
function removal(expression: ESTree.Expression): string | undefined {
  switch (expression.type) {
    case "AwaitExpression":
      return removal(expression.argument) === undefined ? undefined : "await undefined;";
    case "UnaryExpression":
      return expression.operator === "void" ? removal(expression.argument) : undefined;
    case "ChainExpression":
      return removal(expression.expression);
    case "CallExpression":
      return expression.callee.type === "Super" || isLog(expression.callee) ? undefined : ";";
    case "AssignmentExpression":
      return ";";
    default:
      return undefined;
  }
}

function isLog(callee: ESTree.Expression): boolean {
  if (callee.type === "Identifier") return callee.name === "log";
  if (callee.type !== "MemberExpression" || callee.computed) return false;
  const { object, property } = callee;
  return property.name === "log" || (object.type === "Identifier" && ["log", "console"].includes(object.name));
}

function isComparison(node: ESTree.Expression): boolean {
  return node.type === "BinaryExpression" && OPPOSITES.has(node.operator);
}

function isBoolean(node: { type: string; value?: unknown }): node is ESTree.BooleanLiteral {
  return node.type === "Literal" && typeof node.value === "boolean";
}

/** Whether an operand of `+` is plainly a text, which nothing can be subtracted from. */
function isText(node: ESTree.Expression | ESTree.PrivateIdentifier): boolean {
  if (node.type === "Literal") return typeof node.value === "string";
  if (node.type === "BinaryExpression") return isText(node.left) || isText(node.right);
  return node.type === "TemplateLiteral";
}

function lineNumbers(source: string): (offset: number) => number {
  return (offset) => source.slice(0, offset).split("\n").length;
}
