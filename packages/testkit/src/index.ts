export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createFlakeFixture, type FixtureHost, type FlakeFixture, type FlakeShape, nixSystem } from "./flake-fixture.ts";
export { createGitFixture, type FileChanges, type GitFixture, type GitFixtureOptions } from "./git-fixture.ts";
export { createNixEnv, type NixEnv, offlineNixConfig } from "./nix-env.ts";
export { findProgram, hasNix } from "./programs.ts";
export { createSocketPair, type SocketPair, type Wire } from "./socket-pair.ts";
export { createTempDir, removeTree, type TempDir } from "./temp-dir.ts";
