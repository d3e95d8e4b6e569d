import { expect, test } from "vitest";
import { faultsOf, tokenOf } from "./setup-form.ts";

const good = { name: "admin", password: "correct horse", again: "correct horse" };

test("the token is in the fragment, bare or named", () => {
  expect(tokenOf("#q7_Xv3-0123456789")).toBe("q7_Xv3-0123456789");
  expect(tokenOf("token=q7_Xv3-0123456789")).toBe("q7_Xv3-0123456789");
  for (const hash of ["", "#", "#main", "#a b c d e f g h", `#${"x".repeat(201)}`]) expect(tokenOf(hash), hash).toBeUndefined();
});

test("a password of twelve characters, typed twice, is enough", () => {
  expect(faultsOf(good)).toEqual({});
  expect(faultsOf({ ...good, password: "elevenchars", again: "elevenchars" })).toEqual({
    password: "Use at least 12 characters.",
  });
  expect(faultsOf({ ...good, again: "correct house" })).toEqual({ again: "The passwords do not match." });
});

test("a name of spaces is empty", () => {
  expect(faultsOf({ ...good, name: "  " })).toEqual({ name: "Enter a name of 1 to 60 characters." });
});
