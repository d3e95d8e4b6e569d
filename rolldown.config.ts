/**
 * The programs as they are shipped: one ESM file each, for Node, with every dependency inside. `make build` runs it. The page
 * is built by Vite (packages/web/vite.config.ts).
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
      },
    },
    onLog(level, log, handle) {
      // Whatever the bundler doubts would be found by a user otherwise.
      if (level === "warn") throw new Error(`${name}: ${log.message}`);
      handle(level, log);
    },
  };
}

export default defineConfig([program("nixfleet-agent", "packages/agent"), program("nixfleet-dashboard", "packages/dashboard")]);
