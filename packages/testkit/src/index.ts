export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createGitFixture, type FileChanges, type GitFixture, type GitFixtureOptions } from "./git-fixture.ts";
export { createSocketPair, type SocketPair, type Wire } from "./socket-pair.ts";
export { createTempDir, removeTree, type TempDir } from "./temp-dir.ts";
