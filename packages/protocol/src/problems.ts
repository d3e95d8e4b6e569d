import * as z from "zod";

interface ProblemDeclaration {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 503;
  readonly title: string;
  readonly next: string;
}

/** Every error that the REST interface answers with: stable code, HTTP status, sentence, next step. */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request does not fit.", next: "Correct the fields that are named." },
  "not-signed-in": { status: 401, title: "You are not signed in.", next: "Sign in." },
  "wrong-credentials": { status: 401, title: "Name or password is wrong.", next: "Try again." },
  "setup-link-invalid": {
    status: 403,
    title: "This setup link is wrong, used or expired.",
    next: "Restart the dashboard: it prints a new one while there is no administrator.",
  },
  "second-factor-required": {
    status: 403,
    title: "This op asks for proof that it is you.",
    next: "Give your password with the request.",
  },
  "second-factor-wrong": { status: 403, title: "The password is wrong.", next: "Enter the one that you sign in with." },
  "confirm-secret-wrong": {
    status: 401,
    title: "The run's secret is missing or wrong.",
    next: "It is worth something only while its run is at work.",
  },
  "not-confirmed": {
    status: 409,
    title: "The run cannot be confirmed.",
    next: "Try again until the confirm window ends: the run must be active, and the host's link must answer.",
  },
  "role-too-low": { status: 403, title: "Your role does not allow this.", next: "Ask an administrator." },
  "cross-site": {
    status: 403,
    title: "The request does not come from this dashboard's own page.",
    next: "Reload the page and try again.",
  },
  "not-found": { status: 404, title: "There is nothing here.", next: "Check the address." },
  "host-not-found": { status: 404, title: "There is no such host.", next: "Choose one from the Fleet page." },
  "run-not-found": { status: 404, title: "There is no such run.", next: "Choose one from the host's runs." },
  "name-taken": { status: 409, title: "Another host has this name.", next: "Choose another name." },
  "run-ended": { status: 409, title: "The run has ended.", next: "There is nothing to cancel." },
  "run-refused": { status: 409, title: "The run was refused.", next: "See the reason." },
  "already-set-up": { status: 409, title: "The dashboard has its administrator.", next: "Sign in." },
  "password-declared": {
    status: 409,
    title: "This password is declared by the dashboard's settings.",
    next: "Set NIXFLEET_ADMIN_PASSWORD_HASH to a new hash and restart the dashboard.",
  },
  "idempotency-mismatch": {
    status: 422,
    title: "This Idempotency-Key was used for another request.",
    next: "Use a new key for a new request.",
  },
  "too-large": { status: 413, title: "The request is too large.", next: "Send less." },
  "too-many-attempts": { status: 429, title: "Too many attempts.", next: "Wait as long as Retry-After says." },
  "target-not-configured": {
    status: 409,
    title: "No config repository is configured.",
    next: "Set NIXFLEET_REPO_URL and restart the dashboard.",
  },
  internal: {
    status: 500,
    title: "The dashboard met a fault of its own.",
    next: "Try again; the log has the details under the id in this answer.",
  },
  unavailable: { status: 503, title: "The dashboard cannot store anything now.", next: "See /health: its disk may be full." },
} as const satisfies Record<string, ProblemDeclaration>;

export type ProblemCode = keyof typeof PROBLEMS;
export const ProblemCode = z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]);

/** A problem document of RFC 9457, with a stable code. */
export const Problem = z.object({
  type: z.string().describe("about:blank#<code>"),
  title: z.string(),
  status: z.number().int(),
  detail: z.string().optional(),
  code: ProblemCode,
  next: z.string(),
  id: z.string().optional().describe("Stands in the dashboard's log beside the cause"),
  faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  refusal: z.string().optional().describe("The refusal's code, for run-refused"),
});
export type Problem = z.infer<typeof Problem>;
