import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { RunnerDeps } from "./deps.ts";
import { createRedactor, readHostSecrets } from "./redactor.ts";

test("R58: a token is taken out of what is logged also where it is the user name in the credentials file", async () => {
  await using dir = await createTempDir();
  const credentialsFile = join(dir.path, "credentials");
  const lines = [
    "https://ada:pass-of-ada@one.example",
    "https://token-alone@two.example",
    "https://token-before-word:x-oauth-basic@three.example",
    "https://token-before-nothing:@four.example",
  ];
  await writeFile(credentialsFile, lines.join("\n"));
  const config = { credentials: { credentialsFile } } as RunnerDeps["config"];
  const redact = createRedactor(await readHostSecrets({ config, env: {} }));
  expect(redact("pass-of-ada token-alone token-before-word token-before-nothing, x-oauth-basic of ada")).toBe(
    "[redacted] [redacted] [redacted] [redacted], x-oauth-basic of ada",
  );
});
