import { createHash } from "node:crypto";
import { rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Commit, SourceView } from "@nixfleet/protocol";
import { type Exec, exec } from "@nixfleet/runtime";
import { addOldHistory, createFakeClock, createGitFixture, createTempDir, type GitFixture, OLD_FAULTS } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { sourceIdOf } from "../hosts/index.ts";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { GRACE_PERIOD, type Source } from "./source.ts";
import { createSources } from "./sources.ts";

const MINUTE = 60_000;
const lock = (rev: string) =>
  JSON.stringify({
    nodes: {
      root: { inputs: { nixpkgs: "nixpkgs" } },
      nixpkgs: { locked: { type: "github", owner: "NixOS", repo: "nixpkgs", rev, lastModified: 1_700_000_000 } },
    },
  });

async function arrange(using?: GitFixture) {
  const scope = new AsyncDisposableStack();
  const dir = scope.use(await createTempDir());
  const git = using ?? scope.use(await createGitFixture());
  const clock = createFakeClock();
  const { store, bus } = await openTestStore({ path: join(dir.path, "nixfleet.db"), clock });
  scope.use(store);
  const ran: string[][] = [];
  const counting: Exec = (request) => {
    ran.push([...request.argv]);
    return exec(request);
  };
  let told = 0;
  const waiting: { for: (view: SourceView) => boolean; resolve: () => void }[] = [];
  const make = (more: { url?: string; branch?: string; flakeDir?: string; interval?: number } = {}) => {
    const sources = scope.use(
      createSources({
        declared: [{ url: more.url ?? git.url, branch: more.branch ?? "main", flakeDir: more.flakeDir }],
        directory: join(dir.path, "mirrors"),
        interval: more.interval ?? MINUTE,
        store,
        bus,
        clock,
        log: quiet,
        exec: counting,
        env: process.env,
      }),
    );
    const source = sources.only as Source;
    const look = () => {
      told += 1;
      for (const entry of [...waiting]) {
        if (!entry.for(source.view())) continue;
        waiting.splice(waiting.indexOf(entry), 1);
        entry.resolve();
      }
    };
    bus.on("source.changed", look, { owner: "test" });
    return source;
  };
  /** Resolves when the view is such; only changes that are told count. */
  const until = (view: (view: SourceView) => boolean) => new Promise<void>((resolve) => waiting.push({ for: view, resolve }));
  const fetches = () => ran.filter((argv) => argv.includes("fetch")).length;
  return { scope, dir, git, clock, store, bus, make, until, fetches, told: () => told };
}
type Known = Extract<SourceView, { state: "known" }>;

test("R16: the target is the tip of the branch, with subject, author, date and lock file", async () => {
  const { scope, git, make, until } = await arrange();
  await using _ = scope;
  const content = lock("1".repeat(40));
  const commit = await git.commit("nginx: raise worker connections", { "flake.lock": content });
  const source = make();
  const named = { sourceId: sourceIdOf({ repoUrl: git.url, branch: "main" }), repoUrl: git.url, branch: "main" };
  expect(source.view()).toEqual({ state: "never-read", ...named, problem: null, next: null });

  const known = until((view) => view.state === "known");
  await source.start();
  await known;

  expect(source.view()).toEqual({
    state: "known",
    ...named,
    commit,
    subject: "nginx: raise worker connections",
    author: "Ada",
    committedAt: Date.UTC(2026, 0, 1),
    fetchedAt: Date.UTC(2026, 0, 1),
    lockHash: createHash("sha256").update(content).digest("hex"),
    inputs: { nixpkgs: { revision: "1".repeat(40), lastModified: 1_700_000_000_000, from: "github:NixOS/nixpkgs" } },
    url: null,
    stale: false,
    problem: null,
    next: null,
  });
});

test("R76: a history of bad modes, dates, time zones and e-mails, which git clone takes, is read", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const first = await git.commit("first", { "flake.lock": lock("1".repeat(40)), "hosts/gate/a.nix": "1\n" });
  await git.git("--git-dir", git.origin, "config", "uploadpack.allowFilter", "true");
  const tip = await addOldHistory(git);
  const source = make();
  await source.start();

  expect(await source.refresh()).toMatchObject({
    commit: tip,
    problem: null,
    inputs: { nixpkgs: { revision: "1".repeat(40) } },
  });
  expect((await source.standing(first)).relation).toEqual({ kind: "behind", behind: OLD_FAULTS.length });
  expect((await source.commits(first, tip)).items.map(({ subject }) => subject).sort()).toEqual([...OLD_FAULTS].sort());
});

test("R76: a flake.lock that is a link is the file that it leads to, though the mirror has neither", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  await git.git("--git-dir", git.origin, "config", "uploadpack.allowFilter", "true");
  await symlink("locks/main.lock", join(git.workTree, "flake.lock"));
  const content = lock("1".repeat(40));
  await git.commit("linked", { "locks/main.lock": content });
  const source = make();
  await source.start();
  const lockHash = createHash("sha256").update(content).digest("hex");
  expect(await source.refresh()).toMatchObject({ problem: null, lockHash });

  await git.commit("nowhere", { "locks/main.lock": null });
  expect(await source.refresh()).toMatchObject({ state: "known", problem: null, lockHash: null });
});

test("R58: a token in the URL of an input is neither shown nor stored, also where an older dashboard has stored it", async () => {
  const { scope, git, make, store } = await arrange();
  await using _ = scope;
  const url = "https://me:t0ken-one@h.example/x.tar.gz?private_token=t0ken-two";
  const locked = { type: "tarball", url, narHash: "sha256-x" };
  const nodes = { root: { inputs: { a: "a" } }, a: { locked } };
  const commit = await git.commit("first", { "flake.lock": JSON.stringify({ nodes }) });
  const source = make();
  await source.start();
  const view = (await source.refresh()) as Known;
  expect(view.inputs).toEqual({ a: { revision: "sha256-x", from: "tarball:https://[redacted]@h.example/x.tar.gz" } });
  const { state } = await store.db.selectFrom("sources").select("state").executeTakeFirstOrThrow();
  expect(`${state}${JSON.stringify(view)}`).not.toContain("t0ken");

  await source.stop();
  const older = JSON.stringify({ ...JSON.parse(state ?? ""), inputs: { a: { from: `tarball:${url}` } } });
  await store.change(({ db }) => db.updateTable("sources").set({ state: older }).execute());
  await source.start();
  expect(await source.refresh()).toMatchObject({ commit });
  expect(JSON.stringify(source.view())).not.toContain("t0ken");
});

test("the lock file of a flake in a folder is the folder's, and its source says which folder that is", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  await git.commit("first", { "flake.lock": lock("1".repeat(40)), "nix/flake.lock": lock("2".repeat(40)) });
  const source = make({ flakeDir: "nix" });
  await source.start();
  const view = await source.refresh();
  expect(view).toMatchObject({ flakeDir: "nix", inputs: { nixpkgs: { revision: "2".repeat(40) } } });
});

test("a push is seen within the interval, and at once when asked", async () => {
  const { scope, git, make, until, clock } = await arrange();
  await using _ = scope;
  const first = await git.commit("first", { a: "1" });
  const source = make();
  await source.start();
  expect(await source.refresh()).toMatchObject({ commit: first, lockHash: null, inputs: {} });

  const second = await git.commit("second", { "flake.lock": lock("2".repeat(40)) });
  const moved = until((view) => view.state === "known" && view.commit === second);
  clock.advance(MINUTE);
  await moved;
  expect((source.view() as Known).inputs["nixpkgs"]?.revision).toBe("2".repeat(40));

  const third = await git.commit("third", { "flake.lock": lock("3".repeat(40)) });
  expect(await source.refresh()).toMatchObject({ commit: third, subject: "third" });
});

test("however many ask at once, one reading runs and one follows it", async () => {
  const { scope, git, make, fetches } = await arrange();
  await using _ = scope;
  await git.commit("first", { a: "1" });
  const source = make();
  await source.start();

  await Promise.all(Array.from({ length: 20 }, () => source.refresh()));

  expect(fetches()).toBe(2);
});

test("R18: a commit is told as behind, ahead or diverged, with counts, and one that is not there as unknown", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const [a, b, c] = [await git.commit("a", {}), await git.commit("b", {}), await git.commit("c", {})] as [Commit, Commit, Commit];
  const source = make();
  await source.start();
  await source.refresh();

  expect(await source.standing(c)).toEqual({ relation: { kind: "equal" }, lackingSince: null });
  expect(await source.standing(a)).toEqual({
    relation: { kind: "behind", behind: 2 },
    lackingSince: Date.UTC(2026, 0, 1) + MINUTE,
  });
  expect(await source.standing("f".repeat(40))).toMatchObject({ relation: { kind: "unknown" } });
  expect(await source.subject(b)).toBe("b");
  expect(await source.subject("f".repeat(40))).toBeNull();

  await git.forcePushTo(b);
  await source.refresh();
  expect(await source.standing(c)).toMatchObject({ relation: { kind: "ahead", ahead: 1 } });

  const d = await git.commit("d", {});
  await source.refresh();
  expect(await source.standing(c)).toMatchObject({ relation: { kind: "diverged", ahead: 1, behind: 1 } });
  expect(await source.standing(d)).toMatchObject({ relation: { kind: "equal" } });
});

test("the commits between two are told newest first, and whether these are all", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const [a, b] = [await git.commit("a", {}), await git.commit("b\u001b[31m", {})] as [Commit, Commit];
  const source = make();
  await source.start();
  await source.refresh();
  expect(await source.commits(a, b)).toEqual({
    items: [expect.objectContaining({ commit: b, subject: "b\ufffd[31m", at: expect.any(Number), url: null })],
    complete: true,
  });
  expect(await source.commits(b, a)).toEqual({ items: [], complete: true });
  expect(await source.commits(b, b)).toEqual({ items: [], complete: true });
  expect(await source.commits(null, b)).toEqual({ items: [], complete: false });
  expect(await source.commits("f".repeat(40), b)).toEqual({ items: [], complete: false });

  // What was not there is looked for again once a reading may have brought it.
  const [c, d] = [await git.commit("c", {}), await git.commit("d", {})] as [Commit, Commit];
  expect(await source.commits(a, d)).toEqual({ items: [], complete: false });
  await source.refresh();
  const { items, complete } = await source.commits(a, d);
  expect({ commits: items.map(({ commit }) => commit), complete }).toEqual({ commits: [d, c, b], complete: true });
});

test("a commit that was unknown is known as soon as a reading has brought it", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  await git.commit("a", {});
  const source = make();
  await source.start();
  await source.refresh();
  const b = await git.commitLocally("b", {});
  expect(await source.standing(b)).toMatchObject({ relation: { kind: "unknown" } });

  await git.push();
  await source.refresh();

  expect(await source.standing(b)).toMatchObject({ relation: { kind: "equal" } });
  expect(await source.subject(b)).toBe("b");
});

test("R40: a commit that a host made up is looked for in the mirror only, never at the server", async () => {
  const { scope, git, make, fetches } = await arrange();
  await using _ = scope;
  await git.commit("a", {});
  // A server that gives blobless clones and whatever object is named: git would fetch a missing one in the middle of a question.
  for (const name of ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"])
    await git.git("--git-dir", git.origin, "config", name, "true");
  await git.git("checkout", "--quiet", "-b", "elsewhere");
  const hidden = await git.commit("elsewhere", { b: "1" });
  const source = make();
  await source.start();
  await source.refresh();
  const before = fetches();

  expect(await source.standing(hidden)).toMatchObject({ relation: { kind: "unknown" } });
  expect(await source.subject(hidden)).toBeNull();
  expect(fetches()).toBe(before);
});

test("R19: a failed reading keeps the last good value and its age; only after the grace period it is stale", async () => {
  const { scope, git, make, until, clock, told } = await arrange();
  await using _ = scope;
  const commit = await git.commit("first", {});
  // Staleness alone tells of itself here: no reading comes in between.
  const source = make({ interval: 10 * GRACE_PERIOD });
  await source.start();
  await source.refresh();
  const readAt = clock.now();
  await rename(git.origin, `${git.origin}.away`);

  clock.advance(30_000);
  const failed = (await source.refresh()) as Known;
  expect(failed).toMatchObject({ state: "known", commit, fetchedAt: readAt, stale: false });
  expect(failed.problem).toMatch(/^The repository cannot be reached/);
  expect(failed.next).toMatch(/Check the repository URL/);

  const stale = until((view) => view.state === "known" && view.stale);
  const before = told();
  clock.advance(GRACE_PERIOD);
  await stale;
  expect(told()).toBeGreaterThan(before);
  expect(source.view()).toMatchObject({ commit, fetchedAt: readAt, stale: true });

  await rename(`${git.origin}.away`, git.origin);
  expect(await source.refresh()).toMatchObject({ commit, stale: false, problem: null, fetchedAt: clock.now() });
});

test("R19: the last good value outlives a restart, with its age; another repository's does not count", async () => {
  const { scope, git, make, clock } = await arrange();
  await using _ = scope;
  const commit = await git.commit("first", { "flake.lock": lock("1".repeat(40)) });
  const before = make();
  await before.start();
  await before.refresh();
  const readAt = clock.now();
  await before.stop();
  await rename(git.origin, `${git.origin}.away`);
  clock.advance(GRACE_PERIOD + 1);

  const after = make();
  await after.start();
  expect(after.view()).toMatchObject({ state: "known", commit, subject: "first", fetchedAt: readAt, stale: true });
  await after.stop();

  const other = make({ branch: "other" });
  await other.start();
  expect(other.view()).toMatchObject({ state: "never-read" });
});

test("a branch that does not exist is told, with what to do", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  await git.commit("first", {});
  const source = make({ branch: "nowhere" });
  await source.start();

  expect(await source.refresh()).toMatchObject({
    state: "never-read",
    problem: /branch does not exist/,
    next: /push the branch/,
  });
});

test("a damaged mirror is cloned again", async () => {
  const { scope, git, make, dir } = await arrange();
  await using _ = scope;
  const commit = await git.commit("first", {});
  const source = make();
  await source.start();
  await source.refresh();
  await rm(join(dir.path, `mirrors/${source.id}.git/objects`), { recursive: true });
  await writeFile(join(dir.path, `mirrors/${source.id}.git/HEAD`), "");

  expect(await source.refresh()).toMatchObject({ commit, problem: null });
});

test("R50: a subject or author with control characters arrives as text that acts nowhere", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const commit = await git.commit(`red \u001b[31malert\u0007 \u202etxt.exe <script> ${"long ".repeat(200)}`, {});
  await git.commit("next", {});
  const source = make();
  await source.start();
  await source.refresh();

  const subject = (await source.subject(commit)) ?? "";
  expect(subject).toMatch(/^red \ufffd\[31malert\ufffd \ufffdtxt\.exe <script> long /);
  expect(subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(subject.length).toBeLessThanOrEqual(300);
});
