/**
 * The programs as they are shipped: one ESM file each, for Node, with every dependency inside. `make build` runs it. The page
 * is built by Vite (packages/web/vite.config.ts). NIXFLEET_GIT_COMMIT: the source commit that the programs then tell of.
 * NIXFLEET_PROGRAM: the only one to build, for whoever has installed only what that one needs.
 */
import { defineConfig, type RolldownOptions } from "rolldown";

function program(name: string, folder: string): RolldownOptions {
  return {
    input: `${folder}/src/main.ts`,
    platform: "node",
    output: { file: `${folder}/dist/${name}.js`, format: "esm", codeSplitting: false },
    transform: {
      define: {
        // ws can use native add-ons for masking and UTF-8 checks. There are none here, so it need not look for them.
        "process.env.WS_NO_BUFFER_UTIL": '"1"',
        "process.env.WS_NO_UTF_8_VALIDATE": '"1"',
        __NIXFLEET_GIT_COMMIT__: JSON.stringify(process.env["NIXFLEET_GIT_COMMIT"] ?? ""),
      },
    },
    onLog(level, log, handle) {
      // Whatever the bundler doubts would be found by a user otherwise.
      if (level === "warn") throw new Error(`${name}: ${log.message}`);
      handle(level, log);
    },
  };
}

const programs = { agent: "packages/agent", dashboard: "packages/dashboard" };
const only = process.env["NIXFLEET_PROGRAM"];

export default defineConfig(
  Object.entries(programs).flatMap(([name, folder]) =>
    only === undefined || only === name ? [program(`nixfleet-${name}`, folder)] : [],
  ),
);
