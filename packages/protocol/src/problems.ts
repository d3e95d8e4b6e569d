import * as z from "zod";

interface ProblemDeclaration {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 422 | 429 | 500 | 503;
  readonly title: string;
  readonly next: string;
}

/** Every error that the dashboard answers with over HTTP: stable code, HTTP status, sentence, next step. */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not valid.", next: "Correct the fields named in this answer." },
  "not-signed-in": { status: 401, title: "You are not signed in.", next: "Sign in." },
  "wrong-credentials": { status: 401, title: "The name or the password is wrong.", next: "Try again." },
  "setup-link-invalid": {
    status: 403,
    title: "This setup link is wrong, expired or already used.",
    next: "Restart the dashboard. It prints a new link as long as there is no administrator.",
  },
  "second-factor-required": {
    status: 403,
    title: "Confirm your password to run this operation.",
    next: "Send your password with the request.",
  },
  "second-factor-wrong": { status: 403, title: "The password is wrong.", next: "Enter the password that you sign in with." },
  "confirm-secret-wrong": {
    status: 401,
    title: "The run's secret is missing or wrong.",
    next: "A run's secret is valid only while the run is active.",
  },
  "not-confirmed": {
    status: 409,
    title: "The run cannot be confirmed.",
    next: "Try again until the confirm window ends. The run must be active and the host's link must answer.",
  },
  "host-not-linked": {
    status: 409,
    title: "The run cannot be confirmed: the host's agent has no link to the dashboard.",
    next: "Try again until the confirm window ends: the agent connects by itself.",
  },
  "role-too-low": { status: 403, title: "Your role does not allow this.", next: "Ask an administrator." },
  "session-needed": {
    status: 403,
    title: "An API token cannot be used for this.",
    next: "Sign in to the dashboard with your name and password.",
  },
  "cross-site": {
    status: 403,
    title: "The request does not come from this dashboard's own page.",
    next: "Reload the page and try again.",
  },
  "not-found": { status: 404, title: "Not found.", next: "Check the address." },
  "host-not-found": { status: 404, title: "Host not found.", next: "Choose a host on the Fleet page." },
  "run-not-found": { status: 404, title: "Run not found.", next: "Choose a run on the host's page." },
  "name-taken": { status: 409, title: "Another host already has this name.", next: "Choose another name." },
  "run-ended": { status: 409, title: "The run has ended.", next: "There is nothing to cancel." },
  "run-refused": { status: 409, title: "The run was refused.", next: "Read the reason in this answer." },
  "already-set-up": { status: 409, title: "The dashboard already has an administrator.", next: "Sign in." },
  "password-declared": {
    status: 409,
    title: "This password is set in the dashboard's settings.",
    next: "Set NIXFLEET_ADMIN_PASSWORD_HASH to a new hash and restart the dashboard.",
  },
  "idempotency-mismatch": {
    status: 422,
    title: "This Idempotency-Key was already used for another request.",
    next: "Use a new key for a new request.",
  },
  "too-large": { status: 413, title: "The request is too large.", next: "Send a smaller request." },
  "too-many-attempts": {
    status: 429,
    title: "Too many attempts.",
    next: "Wait for the number of seconds in Retry-After, then try again.",
  },
  "target-not-configured": {
    status: 409,
    title: "No config repository is configured.",
    next: "Set NIXFLEET_REPO_URL and restart the dashboard.",
  },
  "source-not-found": {
    status: 404,
    title: "Source not found.",
    next: "GET /sources lists all declared sources.",
  },
  internal: {
    status: 500,
    title: "Internal error.",
    next: "Try again. The dashboard's log has the details under the id in this answer.",
  },
  unavailable: {
    status: 503,
    title: "The dashboard is not available at the moment.",
    next: "Try again shortly. If it stays like this, /health says why; the disk may be full.",
  },
  "token-missing": {
    status: 401,
    title: "A host token is required.",
    next: "Send it as Authorization: Bearer nf_…",
  },
  "token-wrong": {
    status: 401,
    title: "The host token is not valid.",
    next: "Rotate the host's token in the dashboard and install the new one on the host.",
  },
  "unsupported-protocol": {
    status: 400,
    title: "The agent and the dashboard do not speak the same protocol.",
    next: "Update the older of the two.",
  },
  "shutting-down": { status: 503, title: "The dashboard is restarting.", next: "Connect again shortly." },
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
  id: z.string().optional().describe("Also logged by the dashboard, with the cause"),
  faults: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  refusal: z.string().optional().describe("Code of the refusal, for run-refused"),
});
export type Problem = z.infer<typeof Problem>;
