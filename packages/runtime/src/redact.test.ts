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

test("R32: a password with an @ in it goes whole, and so does one behind a scheme that begins within a word", () => {
  expect(redactUrls("https://me:p@ss@host/repo https://t0ken@h")).toBe("https://[redacted]@host/repo https://[redacted]@h");
  expect(redactUrls("1https://me:secret@host, ssh://me:secret@host")).toBe("1https://[redacted]@host, ssh://[redacted]@host");
});

test.each([64 * 1024, 1024 * 1024])(
  "%i bytes of any text are looked through once, as a server or a build would like them not to be",
  (size) => {
    const fill = (text: string) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
    for (const text of [
      "a.",
      "a-",
      "x://",
      "a://b",
      "a.a://a@",
      "https://",
      "authorization: ",
      "authorization:",
      "?a",
      "?token",
      "&sig=",
      " ",
      "@",
      "'@/",
    ]) {
      expect(redact(`${fill(text)} https://me:t0ken@host/`, ["a-secret"])).toMatch(/ https:\/\/\[redacted\]@host\/$/);
    }
    expect(redact(`x://${fill("a:")}@host authorization: basic ${fill("b")} end`, [])).toBe(
      "x://[redacted]@host authorization: basic [redacted] end",
    );
  },
);

test("R32: what a parameter of a URL opens is removed", () => {
  expect(redact("unable to download 'https://h/x.tgz?a=1&private_token=t0ken&b=2'", [])).toBe(
    "unable to download 'https://h/x.tgz?a=1&private_token=[redacted]&b=2'",
  );
  expect(redact("https://h/x?X-Amz-Signature=abc https://h/x?ref=main", [])).toBe(
    "https://h/x?X-Amz-Signature=[redacted] https://h/x?ref=main",
  );
});

test("text without secrets stays as it is", () => {
  for (const text of ["git@host:path.git", "ssh://git@host/path", "https://host/a@b", "mail a@b.example", ""]) {
    expect(redactUrls(text)).toBe(text);
    expect(redact(text, ["", "abc"])).toBe(text);
  }
});
