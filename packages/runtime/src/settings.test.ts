import { expect, test } from "vitest";
import * as z from "zod";
import { onOff, wholeNumber, wordList } from "./setting-schemas.ts";
import { defineSettings, formatFaults, readSettings, settingsHelp } from "./settings.ts";

const spec = defineSettings({
  url: {
    env: "NIXFLEET_URL",
    schema: z.url({ error: "a URL is expected" }),
    required: true,
    help: "address of the dashboard",
    example: "https://fleet.example",
  },
  token: {
    env: "NIXFLEET_TOKEN",
    schema: z.string().min(20, "at least 20 characters are expected"),
    required: true,
    secret: true,
    help: "the host's token",
  },
  interval: { env: "NIXFLEET_INTERVAL", schema: wholeNumber(1, 3600), default: 5, help: "seconds between metrics" },
  tags: { env: "NIXFLEET_TAGS", schema: wordList, default: [], help: "tags of the host" },
  keyFile: { env: "NIXFLEET_KEY_FILE", schema: z.string(), help: "path of a key" },
  trace: { env: "NIXFLEET_TRACE", schema: onOff, help: "print more" },
});

function files(content: Record<string, string>) {
  return (path: string) => {
    const text = content[path];
    if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
    return text;
  };
}

test("settings come from the environment, typed, with defaults, and absent where nothing is said", () => {
  const result = readSettings(
    spec,
    { NIXFLEET_URL: "https://a.example", NIXFLEET_TOKEN: "x".repeat(20), NIXFLEET_TAGS: "web, eu  web", NIXFLEET_TRACE: "Yes" },
    files({}),
  );
  if (!result.ok) throw new Error(formatFaults(result.faults));
  const { url, interval, tags }: { url: string; interval: number; tags: string[] } = result.settings;
  expect({ url, interval, tags, trace: result.settings.trace }).toEqual({
    url: "https://a.example",
    interval: 5,
    tags: ["web", "eu"],
    trace: true,
  });
  expect(result.settings.keyFile).toBeUndefined();
  expect(result.warnings).toEqual([]);
});

test("every setting may come from a file, whose one trailing line end is no part of it", () => {
  const read = files({ "/run/token": "abcdefghijklmnopqrst\n", "/run/interval": "30\r\n" });
  const result = readSettings(
    spec,
    { NIXFLEET_URL: "https://a.example", NIXFLEET_TOKEN_FILE: "/run/token", NIXFLEET_INTERVAL_FILE: "/run/interval" },
    read,
  );
  expect(result).toMatchObject({ ok: true, settings: { token: "abcdefghijklmnopqrst", interval: 30 } });
});

test("all faults are reported at once, each with the name that was set, what is wrong and a fix", () => {
  const result = readSettings(
    spec,
    {
      NIXFLEET_URL: "nowhere",
      NIXFLEET_TOKEN_FILE: "/missing",
      NIXFLEET_INTERVAL: "0",
      NIXFLEET_TRACE: "1",
      NIXFLEET_TRACE_FILE: "/also",
    },
    files({}),
  );
  if (result.ok) throw new Error("faults are expected");
  expect(result.faults.map(({ name }) => name)).toEqual([
    "NIXFLEET_URL",
    "NIXFLEET_TOKEN_FILE",
    "NIXFLEET_INTERVAL",
    "NIXFLEET_TRACE",
  ]);
  expect(formatFaults(result.faults).split("\n").slice(0, 2)).toEqual([
    'NIXFLEET_URL does not fit ("nowhere"): a URL is expected',
    "    Set NIXFLEET_URL to: address of the dashboard, for example NIXFLEET_URL=https://fleet.example.",
  ]);
  expect(formatFaults(result.faults)).toContain("ENOENT");
  expect(result.faults.every(({ fix }) => fix !== "")).toBe(true);
});

test("a required setting that is not set, empty, or names an empty file is a fault", () => {
  expect(readSettings(spec, { NIXFLEET_URL: "" }, files({}))).toMatchObject({
    ok: false,
    faults: [
      { name: "NIXFLEET_URL", fault: "is not set" },
      { name: "NIXFLEET_TOKEN", fault: "is not set" },
    ],
  });
  const empty = readSettings(
    spec,
    { NIXFLEET_URL: "https://a.example", NIXFLEET_TOKEN_FILE: "/empty" },
    files({ "/empty": "\n" }),
  );
  expect(empty).toMatchObject({ ok: false, faults: [{ name: "NIXFLEET_TOKEN_FILE", fault: "names an empty file: /empty" }] });
});

test("R58: the value of a secret is in no fault, also when the schema's message repeats it", () => {
  const telling = defineSettings({
    secret: {
      env: "NIXFLEET_SECRET",
      schema: z.string().refine(() => false, { error: (issue) => `not good: ${String(issue.input)}` }),
      secret: true,
      help: "a secret",
    },
  });
  for (const env of [{ NIXFLEET_SECRET: "hunter2hunter2" }, { NIXFLEET_SECRET_FILE: "/s" }]) {
    const result = readSettings(telling, env, files({ "/s": "hunter2hunter2\n" }));
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain("hunter2");
  }
});

test("a name that means nothing gives a warning with the name that was probably meant", () => {
  const env = {
    NIXFLEET_URL: "https://a.example",
    NIXFLEET_TOKEN: "x".repeat(20),
    NIXFLEET_INTERVALL: "7",
    NIXFLEET_OTHER: "1",
    NIXFLEET_ELSEWHERE: "1",
    HOME: "/",
  };
  const result = readSettings(spec, env, files({}), { alsoKnown: ["NIXFLEET_ELSEWHERE"] });
  expect(result.warnings).toEqual([
    { name: "NIXFLEET_INTERVALL", fault: "is not a setting", fix: "Did you mean NIXFLEET_INTERVAL?" },
    { name: "NIXFLEET_OTHER", fault: "is not a setting", fix: "Unset it, or see --help for the names." },
  ]);
});

test("--help names every setting, whether it is required, and its default", () => {
  const help = settingsHelp(spec);
  for (const { env, help: phrase } of Object.values(spec)) expect(help).toContain(`${env}\n      ${phrase}`);
  expect(help).toContain("address of the dashboard (required)");
  expect(help).toContain("the host's token (required, secret)");
  expect(help).toContain("seconds between metrics (default 5)");
});

test("a fault in a value that has parts says in which of them", () => {
  const checks = defineSettings({
    checks: {
      env: "NIXFLEET_CHECKS",
      schema: z
        .string()
        .transform((text): unknown => JSON.parse(text))
        .pipe(z.array(z.object({ port: z.number() }))),
      help: "checks",
    },
  });
  const result = readSettings(checks, { NIXFLEET_CHECKS: '[{"port":1},{}]' }, files({}));
  expect(result).toMatchObject({ ok: false, faults: [{ fault: expect.stringContaining(": 1.port: Invalid input") }] });
});
