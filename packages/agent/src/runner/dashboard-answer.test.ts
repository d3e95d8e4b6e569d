import { expect, test } from "vitest";
import { judgeError, judgeResponse } from "./dashboard-answer.ts";

test.for([
  [200, undefined, undefined],
  [502, undefined, "dashboard-away"],
  [503, "unavailable", "dashboard-away"],
  [504, undefined, "dashboard-away"],
  [409, "host-not-linked", "not-linked"],
  [409, "not-confirmed", "none"],
  [401, "confirm-secret-wrong", "none"],
  [404, undefined, "none"],
  [429, "too-many-attempts", "none"],
  [500, "internal", "none"],
  [302, undefined, "none"],
] as const)("R68: what the answer %i (%s) says of the path: %s", ([status, problem, path]) => {
  const answer = judgeResponse(status, problem);
  expect(answer.kind === "no" ? answer.path : undefined).toBe(path);
});

test.for([
  ["ECONNREFUSED", "dashboard-away"],
  ["EHOSTUNREACH", "none"],
  ["ENETUNREACH", "none"],
  ["ENOTFOUND", "none"],
  ["EAI_AGAIN", "none"],
  ["ETIMEDOUT", "none"],
  ["ECONNRESET", "none"],
  ["EPIPE", "none"],
  ["CERT_HAS_EXPIRED", "none"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "none"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "none"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "none"],
] as const)("R68: what the error %s says of the path: %s", ([code, path]) => {
  expect(judgeError(code)).toEqual({ kind: "no", reason: code, path });
});
