/**
 * The programs as they are shipped: one ESM file each, for Node, with every dependency inside. `make build` runs it. The page
 * is built by Vite (packages/web/vite.config.ts). NIXFLEET_GIT_COMMIT: the source commit that the programs then tell of.
 * NIXFLEET_PROGRAM: the only one to build, for whoever has installed only what that one needs.
 */
import { isBuiltin } from "node:module";
import { defineConfig, type RolldownOptions } from "rolldown";

/**
 * V8 keeps a program's text in memory: with one character beyond Latin-1 in it, a comment's included, at two bytes for each. Names and
 * lines stay, so that a stack trace says where.
 */
const SOURCE = {
  comments: { legal: true, annotation: false, jsdoc: false },
  minify: { compress: false, mangle: false, codegen: { asciiOnly: true, removeWhitespace: false } },
} satisfies RolldownOptions["output"];

const BUILTIN = "\0builtin:";

/**
 * Takes Node's own modules when the module that imports them is evaluated, not when the file is: what `check` needs does not cost the
 * daemon. And takes only what is used of them: an `import` reads all exports of a built-in module, which loads the parts of Node
 * that it offers lazily (docs/decisions/0013).
 */
const builtinsOnDemand = {
  name: "builtins-on-demand",
  resolveId(source: string, importer?: string) {
    const isOurs = importer !== undefined && !importer.startsWith("\0"); // The bundler's own part comes before all others.
    return isOurs && isBuiltin(source) ? `${BUILTIN}${source.replace(/^node:/, "")}` : null;
  },
  load(id: string) {
    if (!id.startsWith(BUILTIN)) return null;
    return `module.exports = process.getBuiltinModule(${JSON.stringify(`node:${id.slice(BUILTIN.length)}`)});`;
  },
};

/** Parts of Node that ws asks for at its start, and uses only for wss or for compressed messages. */
const SELDOM_USED = /^const (https|tls|zlib) = require\('\1'\);$/gm;

const seldomUsedLater = {
  name: "seldom-used-later",
  transform: {
    filter: { id: /node_modules\/ws\/lib\/(websocket|permessage-deflate)\.js$/ },
    handler(code: string, id: string) {
      const lazy = code.replace(SELDOM_USED, "const $1 = new Proxy({}, { get: (_, name) => require('$1')[name] });");
      if (lazy === code) throw new Error(`${id} does not load what it seldom uses in the way that is known here.`);
      return { code: lazy };
    },
  },
};

function program(name: string, folder: string, plugins: RolldownOptions["plugins"] = []): RolldownOptions {
  return {
    input: `${folder}/src/main.ts`,
    platform: "node",
    plugins,
    output: { file: `${folder}/dist/${name}.js`, format: "esm", codeSplitting: false, ...SOURCE },
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

const programs = [
  program("nixfleet-agent", "packages/agent", [builtinsOnDemand, seldomUsedLater]),
  program("nixfleet-dashboard", "packages/dashboard"),
];
const only = process.env["NIXFLEET_PROGRAM"];

export default defineConfig(programs.filter(({ input }) => only === undefined || input === `packages/${only}/src/main.ts`));
