import { createHash } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Commit, TargetView } from "@nixfleet/protocol";
import { type Exec, exec } from "@nixfleet/runtime";
import { createFakeClock, createGitFixture, createTempDir, type GitFixture } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { createTarget, GRACE } from "./target.ts";

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
  const waiting: { for: (view: TargetView) => boolean; resolve: () => void }[] = [];
  const make = (more: { url?: string; branch?: string } = {}) => {
    const target = scope.use(
      createTarget({
        repository: { url: more.url ?? git.url, branch: more.branch ?? "main" },
        directory: join(dir.path, "target"),
        interval: MINUTE,
        store,
        bus,
        clock,
        log: quiet,
        exec: counting,
        env: process.env,
      }),
    );
    const look = () => {
      told += 1;
      for (const entry of [...waiting]) {
        if (!entry.for(target.view())) continue;
        waiting.splice(waiting.indexOf(entry), 1);
        entry.resolve();
      }
    };
    bus.on("target.changed", look, { owner: "test" });
    return target;
  };
  /** Resolves when the view is such; only changes that are told count. */
  const until = (view: (view: TargetView) => boolean) => new Promise<void>((resolve) => waiting.push({ for: view, resolve }));
  const fetches = () => ran.filter((argv) => argv.includes("fetch")).length;
  return { scope, dir, git, clock, store, bus, make, until, fetches, told: () => told };
}
type Known = Extract<TargetView, { state: "known" }>;

test("R16: the target is the tip of the branch, with subject, author, date and lock file", async () => {
  const { scope, git, make, until } = await arrange();
  await using _ = scope;
  const content = lock("1".repeat(40));
  const commit = await git.commit("nginx: raise worker connections", { "flake.lock": content });
  const target = make();
  expect(target.view()).toEqual({ state: "never-read", branch: "main", problem: null, next: null });

  const known = until((view) => view.state === "known");
  await target.start();
  await known;

  expect(target.view()).toEqual({
    state: "known",
    branch: "main",
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

test("a push is seen within the interval, and at once when asked", async () => {
  const { scope, git, make, until, clock } = await arrange();
  await using _ = scope;
  const first = await git.commit("first", { a: "1" });
  const target = make();
  await target.start();
  expect(await target.refresh()).toMatchObject({ commit: first, lockHash: null, inputs: {} });

  const second = await git.commit("second", { "flake.lock": lock("2".repeat(40)) });
  const moved = until((view) => view.state === "known" && view.commit === second);
  clock.advance(MINUTE);
  await moved;
  expect((target.view() as Known).inputs["nixpkgs"]?.revision).toBe("2".repeat(40));

  const third = await git.commit("third", { "flake.lock": lock("3".repeat(40)) });
  expect(await target.refresh()).toMatchObject({ commit: third, subject: "third" });
});

test("however many ask at once, one reading runs and one follows it", async () => {
  const { scope, git, make, fetches } = await arrange();
  await using _ = scope;
  await git.commit("first", { a: "1" });
  const target = make();
  await target.start();

  await Promise.all(Array.from({ length: 20 }, () => target.refresh()));

  expect(fetches()).toBe(2);
});

test("R18: a commit is told as behind, ahead or diverged, with counts, and one that is not there as unknown", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const [a, b, c] = [await git.commit("a", {}), await git.commit("b", {}), await git.commit("c", {})] as [Commit, Commit, Commit];
  const target = make();
  await target.start();
  await target.refresh();

  expect(await target.standing(c)).toEqual({ relation: { kind: "equal" }, lackingSince: null });
  expect(await target.standing(a)).toEqual({
    relation: { kind: "behind", behind: 2 },
    lackingSince: Date.UTC(2026, 0, 1) + MINUTE,
  });
  expect(await target.standing("f".repeat(40))).toMatchObject({ relation: { kind: "unknown" } });
  expect(await target.subject(b)).toBe("b");
  expect(await target.subject("f".repeat(40))).toBeNull();

  await git.forcePushTo(b);
  await target.refresh();
  expect(await target.standing(c)).toMatchObject({ relation: { kind: "ahead", ahead: 1 } });

  const d = await git.commit("d", {});
  await target.refresh();
  expect(await target.standing(c)).toMatchObject({ relation: { kind: "diverged", ahead: 1, behind: 1 } });
  expect(await target.standing(d)).toMatchObject({ relation: { kind: "equal" } });
});

test("the commits between two are told newest first, and whether these are all", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const [a, b] = [await git.commit("a", {}), await git.commit("b\u001b[31m", {})] as [Commit, Commit];
  const target = make();
  await target.start();
  await target.refresh();
  expect(await target.commits(a, b)).toEqual({
    items: [expect.objectContaining({ commit: b, subject: "b\ufffd[31m", at: expect.any(Number), url: null })],
    complete: true,
  });
  expect(await target.commits(b, a)).toEqual({ items: [], complete: true });
  expect(await target.commits(b, b)).toEqual({ items: [], complete: true });
  expect(await target.commits(null, b)).toEqual({ items: [], complete: false });
  expect(await target.commits("f".repeat(40), b)).toEqual({ items: [], complete: false });

  // What was not there is looked for again once a reading may have brought it.
  const [c, d] = [await git.commit("c", {}), await git.commit("d", {})] as [Commit, Commit];
  expect(await target.commits(a, d)).toEqual({ items: [], complete: false });
  await target.refresh();
  const { items, complete } = await target.commits(a, d);
  expect({ commits: items.map(({ commit }) => commit), complete }).toEqual({ commits: [d, c, b], complete: true });
});

test("a commit that was unknown is known as soon as a reading has brought it", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  await git.commit("a", {});
  const target = make();
  await target.start();
  await target.refresh();
  const b = await git.commitLocally("b", {});
  expect(await target.standing(b)).toMatchObject({ relation: { kind: "unknown" } });

  await git.push();
  await target.refresh();

  expect(await target.standing(b)).toMatchObject({ relation: { kind: "equal" } });
  expect(await target.subject(b)).toBe("b");
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
  const target = make();
  await target.start();
  await target.refresh();
  const before = fetches();

  expect(await target.standing(hidden)).toMatchObject({ relation: { kind: "unknown" } });
  expect(await target.subject(hidden)).toBeNull();
  expect(fetches()).toBe(before);
});

test("R19: a failed reading keeps the last good value and its age; only after the grace period it is stale", async () => {
  const { scope, git, make, until, clock, told } = await arrange();
  await using _ = scope;
  const commit = await git.commit("first", {});
  const target = make();
  await target.start();
  await target.refresh();
  const readAt = clock.now();
  await rename(git.origin, `${git.origin}.away`);

  clock.advance(30_000);
  const failed = (await target.refresh()) as Known;
  expect(failed).toMatchObject({ state: "known", commit, fetchedAt: readAt, stale: false });
  expect(failed.problem).toMatch(/^The repository cannot be reached/);
  expect(failed.next).toMatch(/Check the repository URL/);

  const stale = until((view) => view.state === "known" && view.stale);
  const before = told();
  clock.advance(GRACE);
  await stale;
  expect(told()).toBeGreaterThan(before);
  expect(target.view()).toMatchObject({ commit, fetchedAt: readAt, stale: true });

  await rename(`${git.origin}.away`, git.origin);
  expect(await target.refresh()).toMatchObject({ commit, stale: false, problem: null, fetchedAt: clock.now() });
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
  clock.advance(GRACE + 1);

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
  const target = make({ branch: "nowhere" });
  await target.start();

  expect(await target.refresh()).toMatchObject({
    state: "never-read",
    problem: /branch does not exist/,
    next: /push the branch/,
  });
});

test("a damaged mirror is made anew", async () => {
  const { scope, git, make, dir } = await arrange();
  await using _ = scope;
  const commit = await git.commit("first", {});
  const target = make();
  await target.start();
  await target.refresh();
  await rm(join(dir.path, "target/mirror.git/objects"), { recursive: true });
  await writeFile(join(dir.path, "target/mirror.git/HEAD"), "");

  expect(await target.refresh()).toMatchObject({ commit, problem: null });
});

test("R50: a subject or author with control characters arrives as text that acts nowhere", async () => {
  const { scope, git, make } = await arrange();
  await using _ = scope;
  const commit = await git.commit(`red \u001b[31malert\u0007 \u202etxt.exe <script> ${"long ".repeat(200)}`, {});
  await git.commit("next", {});
  const target = make();
  await target.start();
  await target.refresh();

  const subject = (await target.subject(commit)) ?? "";
  expect(subject).toMatch(/^red \ufffd\[31malert\ufffd \ufffdtxt\.exe <script> long /);
  expect(subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
  expect(subject.length).toBeLessThanOrEqual(300);
});

test("without a config repository there is nothing to read", async () => {
  const { scope, store, bus, clock, dir } = await arrange();
  await using _ = scope;
  const target = scope.use(
    createTarget({
      repository: null,
      directory: dir.path,
      interval: MINUTE,
      store,
      bus,
      clock,
      log: quiet,
      exec,
      env: process.env,
    }),
  );
  await target.start();
  expect(await target.refresh()).toEqual({ state: "not-configured" });
});
