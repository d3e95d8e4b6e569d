import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin, type Rolldown } from "vite";

const dashboard = process.env["NIXFLEET_DEV_DASHBOARD"] ?? "http://127.0.0.1:8420";

/** Puts a `.br` and a `.gz` beside every file that gets smaller by it: the dashboard sends them as they are. */
function compressed(): Plugin {
  return {
    name: "nixfleet:compressed",
    apply: "build",
    async writeBundle({ dir }) {
      if (dir === undefined) return;
      for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(?:js|css|html|svg|webmanifest|txt)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const content = await readFile(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        await writeFile(`${path}.br`, await promisify(brotliCompress)(content, { params }));
        await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}

/** What stands on the screen when Fleet, the first page, is opened. */
const FIRST_VIEW = ["./src/shell/signed-in.tsx", "./src/pages/fleet/fleet-page.tsx"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** What the first view imports, whatever lies in between; what it loads later is not among it. */
function importsOfFirstView(graph: Rolldown.ChunkingContext): ReadonlySet<string> {
  const found = new Set(FIRST_VIEW);
  for (const id of found) for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) found.add(imported);
  return found;
}

export default defineConfig({
  plugins: [react(), tailwindcss(), compressed()],
  build: {
    rolldownOptions: {
      output: {
        codeSplitting: {
          // Left alone, the bundler writes a file for each set of pages that share something: the first view would take forty of them,
          // each with 700 bytes of headers. What only one page uses stays in that page's own file.
          groups: [
            { name: "index", tags: ["$initial"] },
            {
              name: (id, graph) => (importsOfFirstView(graph).has(id) ? "shared" : null),
              minShareCount: 2,
              debugName: "shared with the first view",
            },
          ],
        },
      },
    },
    // The first versions that know light-dark(), so that the tokens stay one list in what is shipped.
    target: ["chrome123", "edge123", "firefox125", "safari17.5"],
    // The content security policy allows no data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  server: {
    proxy: {
      "/api": dashboard,
      "/live": { target: dashboard, ws: true },
    },
  },
});
