import { expect, test } from "vitest";
import { MAX_LINE_PIECE, RunEvent, type RunEventBody } from "./index.ts";

const RUN = "01j00000000000000000000001";
const CLOSURE = `/nix/store/${"1".repeat(32)}-nixos-system-alpha`;
const share = { done: 1, expected: 2 };

const bodies: Record<RunEventBody["kind"], object> = {
  started: { agentVersion: "0.1.0" },
  phase: { phase: "build" },
  command: { argv: ["nix-store", "--realise", "x.drv"] },
  log: { lines: [{ at: 1, stream: "nix", text: "\u001b[31mred\r", level: "error" }] },
  progress: {
    progress: { builds: { ...share, running: 1, failed: 0 }, copies: share, bytes: share, now: [{ name: "hello", since: 1 }] },
  },
  diff: { diff: { from: null, to: CLOSURE, added: [], removed: [], changed: [], sizeBefore: null, sizeAfter: 0 } },
  preview: {
    preview: {
      commit: "a".repeat(40),
      closure: CLOSURE,
      against: null,
      units: { stop: [], start: ["a.service"], restart: ["nginx.service"], reload: [] },
      reboot: { needed: true, reasons: ["kernel 6.18.2 to 6.18.3"] },
      agent: "same",
    },
  },
  armed: { until: 5, back: CLOSURE },
  deployed: { deployment: { closure: CLOSURE, commit: "a".repeat(40), runId: RUN, at: 1, mode: "switch" } },
  testResult: { result: { script: "T01.sh", outcome: "passed", milliseconds: 0, number: 1, total: 1 } },
  warning: { message: "careful" },
  restart: { instance: "boot-1" },
  finished: { outcome: { state: "failed", code: "build-failed", reason: "no", exitCode: 1 }, proof: { readAt: 1, facts: {} } },
};

test("every kind of event is read as it was written", () => {
  for (const [kind, body] of Object.entries(bodies)) {
    const event = { seq: 1, at: 1, kind, ...body };
    expect(RunEvent.parse(event)).toEqual(event);
  }
});

test("E1: a seq is a whole number from 1", () => {
  for (const seq of [0, -1, 1.5, "1", Number.MAX_SAFE_INTEGER + 1]) {
    expect(RunEvent.safeParse({ seq, at: 1, kind: "phase", phase: "build" }).success).toBe(false);
  }
});

test("R50: what a host reports is bounded: lines, names, lists", () => {
  const refuses = (body: object) => expect(RunEvent.safeParse({ seq: 1, at: 1, ...body }).success).toBe(false);
  refuses({ kind: "log", lines: [{ at: 1, stream: "nix", text: "x".repeat(MAX_LINE_PIECE + 1) }] });
  refuses({ kind: "log", lines: [] });
  refuses({ kind: "log", lines: Array.from({ length: 2001 }, () => ({ at: 1, stream: "nix", text: "" })) });
  refuses({ kind: "log", lines: [{ at: 1, stream: "keyboard", text: "" }] });
  refuses({ kind: "warning", message: "x".repeat(2001) });
  const units = { stop: [], start: [], restart: [], reload: [] };
  const { preview } = bodies.preview as { preview: object };
  refuses({ kind: "preview", preview: { ...preview, units: { ...units, stop: Array.from({ length: 501 }, () => "a") } } });
  refuses({ kind: "preview", preview: { ...preview, reboot: { needed: true, reasons: ["x".repeat(121)] } } });
  refuses({ kind: "preview", preview: { ...preview, closure: "/etc/passwd" } });
  refuses({ kind: "armed", until: 5, back: "/etc/passwd" });
  refuses({
    kind: "deployed",
    deployment: { ...(bodies.deployed as { deployment: object }).deployment, closure: "/etc/passwd" },
  });
});

test("a deployment may be of a generation that no commit is known of", () => {
  const { deployment } = bodies.deployed as { deployment: object };
  const event = { seq: 1, at: 1, kind: "deployed", deployment: { ...deployment, commit: null } };
  expect(RunEvent.parse(event)).toEqual(event);
});

test("R50: log text is kept as it was written, to be shown as text; reasons are made plain", () => {
  const text = "\u001b]0;title\u0007<script>alert(1)</script>";
  const log = RunEvent.parse({ seq: 1, at: 1, kind: "log", lines: [{ at: 1, stream: "nix", text }] });
  expect(log).toMatchObject({ lines: [{ text }] });
  const warning = RunEvent.parse({ seq: 1, at: 1, kind: "warning", message: "\u001b]0;title\u0007" });
  expect(warning).toMatchObject({ message: "\ufffd]0;title\ufffd" });
});
