import { expect, test } from "vitest";
import { redact, redactUrls } from "./redact.ts";

test("R58: a secret is removed as it is, percent-encoded and in base64", () => {
  const secret = "p@ss/word+1";
  const text = `${secret} ${encodeURIComponent(secret)} ${Buffer.from(secret).toString("base64")}`;
  expect(redact(text, [secret])).toBe("[redacted] [redacted] [redacted]");
});

test("R58: where one secret is part of another, nothing of the longer one is left", () => {
  expect(redact("token-long-tail", ["token", "token-long-tail"])).toBe("[redacted]");
});

test("R32: user names and passwords leave URLs and headers, though nobody named them", () => {
  expect(redact("fatal: unable to access 'https://me:t0ken@host/repo/'", [])).toBe(
    "fatal: unable to access 'https://[redacted]@host/repo/'",
  );
  expect(redact("Authorization: Basic bWU6dDBrZW4=", [])).toBe("Authorization: Basic [redacted]");
});

test("text without secrets stays as it is", () => {
  for (const text of ["git@host:path.git", "ssh://git@host/path", "https://host/a@b", "mail a@b.example", ""]) {
    expect(redactUrls(text)).toBe(text);
    expect(redact(text, ["", "abc"])).toBe(text);
  }
});
