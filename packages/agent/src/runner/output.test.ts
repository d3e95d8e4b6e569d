import { readFile } from "node:fs/promises";
import { type LogLine, MAX_LINE_PIECE } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { runnerLayout } from "../spool/layout.ts";
import { createTestHost, eventsOf, logText } from "./host.fixture.ts";
import { createNixOutput, createPlainOutput, splitText } from "./output.ts";
import { createRedactor } from "./redactor.ts";

test("R8: long lines, progress lines, bytes that are no text, a last line without an end: all of it arrives, in order", async () => {
  const script = [
    "#!/bin/sh",
    "head -c 200000 /dev/zero | tr '\\0' x; echo",
    "printf '10%%\\r20%%\\r100%%\\n'",
    "printf 'caf\\303\\251 \\377\\376 end\\n'",
    "printf '\\033[31mred\\033[0m\\n'",
    "printf 'no end'",
  ];
  await using host = await createTestHost({ host: { tests: { "T1.sh": script.join("\n") } } });
  await host.doRun("pull");
  const { runId, outcome } = await host.doRun("test");
  expect(outcome.state).toBe("succeeded");
  const events = await host.events(runId);
  const lines = logText(events);
  expect(lines.slice(1)).toEqual([
    "x".repeat(200_000),
    "10%",
    "20%",
    "100%",
    "café \ufffd\ufffd end",
    "\u001b[31mred\u001b[0m",
    "no end",
  ]);
  const pieces = eventsOf(events, "log").flatMap((event) => event.lines);
  expect(Math.max(...pieces.map(({ text }) => text.length))).toBeLessThanOrEqual(MAX_LINE_PIECE);
});

test("R8: a million lines neither stop the stream nor lose the tail", async () => {
  const count = 1_000_000;
  const script = `#!/bin/sh\nawk 'BEGIN { for (i = 1; i <= ${count}; i++) print i }'\necho the tail\n`;
  await using host = await createTestHost({ host: { tests: { "T1.sh": script } } });
  await host.doRun("pull");
  const { runId, outcome } = await host.doRun("test");
  expect(outcome.state).toBe("succeeded");
  const spool = await readFile(runnerLayout(host.config.runnerDir).run(runId).events, "utf8");
  let next = 1;
  for (const [, text] of spool.matchAll(/"text":"(\d+)"/g)) {
    if (Number(text) !== next) break;
    next++;
  }
  expect(next).toBe(count + 1);
  expect(spool.lastIndexOf("the tail")).toBeGreaterThan(spool.lastIndexOf(`"${count}"`));
});

test("R8: a line of a build over the limit comes in pieces, and is itself again when they are joined", () => {
  const lines: LogLine[] = [];
  const output = createNixOutput({ log: (line) => lines.push(line), progress: () => {}, now: () => 1, redact: (text) => text });
  const long = "ü😀".repeat(60_000);
  const message = Buffer.from(`@nix ${JSON.stringify({ action: "result", id: 1, type: 101, fields: [long] })}\n`);
  for (let at = 0; at < message.length; at += 10_000) output.write(message.subarray(at, at + 10_000));
  output.end();
  expect(lines.map(({ text }) => text).join("") === long).toBe(true);
  expect(lines.map(({ continues }) => continues)).toEqual([true, true, undefined]);
});

test("pieces never cut a character", () => {
  for (const piece of splitText(`a${"😀".repeat(MAX_LINE_PIECE)}`)) expect(piece.isWellFormed()).toBe(true);
});

test("R32: a secret is removed wherever a long line is cut, and the rest of the line stays as it was", () => {
  const secret = "t0ken-of-the-host";
  const redact = createRedactor([secret]);
  for (const [make, limit] of [
    [(deps: Parameters<typeof createNixOutput>[0]) => createPlainOutput(deps, "test"), 64 * 1024],
    [createNixOutput, 1024 * 1024],
  ] as const) {
    for (const hidden of [secret, "https://me:p4ssword@host"]) {
      for (let before = limit - hidden.length; before <= limit; before += limit === 64 * 1024 ? 1 : 9) {
        const lines: LogLine[] = [];
        const output = make({ log: (line) => lines.push(line), progress: () => {}, now: () => 1, redact });
        output.write(Buffer.from(`${"x".repeat(before)}${hidden}${"y".repeat(limit)}\nend\n`));
        output.end();
        const joined = lines.map(({ text, continues }) => (continues ? text : `${text}\n`)).join("");
        const shown = hidden === secret ? "[redacted]" : "https://[redacted]@host";
        expect(joined === `${"x".repeat(before)}${shown}${"y".repeat(limit)}\nend\n`).toBe(true);
        expect(lines.every(({ text }) => text.length <= MAX_LINE_PIECE)).toBe(true);
      }
    }
  }
});

test("R32: the first error holds no half of a secret where it is cut", () => {
  const secret = "t0ken-of-the-host";
  const redact = createRedactor([secret]);
  const output = createNixOutput({ log: () => {}, progress: () => {}, now: () => 1, redact });
  const say = (entry: Record<string, unknown>) => output.write(Buffer.from(`@nix ${JSON.stringify(entry)}\n`));
  const derivation = "/nix/store/00000000000000000000000000000000-a-1.drv";
  say({ action: "start", id: 1, type: 105, level: 3, text: "", fields: [derivation, "", 1, 1] });
  say({ action: "result", id: 1, type: 101, fields: [`error: ${"x".repeat(1980)}${secret}`] });
  say({ action: "msg", level: 0, msg: `error: builder for '${derivation}' failed with exit code 1` });
  output.end();
  expect(output.nix.firstError()).toContain("xxx");
  expect(output.nix.firstError()).not.toContain("t0ke");
});
