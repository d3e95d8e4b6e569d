import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative } from "node:path";

interface EncodedBody {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

interface StaticFile extends EncodedBody {
  readonly type: string;
  readonly immutable: boolean;
  /** Compressed versions from the build, by content coding. */
  readonly encoded: ReadonlyMap<"br" | "gzip", EncodedBody>;
}

export interface StaticFiles {
  /** Number of files of the built page; 0: not built. */
  readonly count: number;
  /** Answers a GET for a file, or with `index.html` for a page's path; null: not found. */
  answer(path: string, headers: Headers): Response | null;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/** A built page has a few megabytes at most; more means a wrong directory. */
const MAX_BYTES = 64 * 1024 ** 2;

/**
 * Reads the built page into memory once. Only these files are served, so no path leads out of the directory, and two builds
 * are never mixed.
 */
export async function readStaticFiles(directory: string): Promise<StaticFiles> {
  const files = new Map<string, StaticFile>();
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  let total = 0;
  for (const name of (await list(directory)).filter(isServed)) {
    const path = join(directory, name);
    total += (await stat(path)).size;
    if (total > MAX_BYTES) throw new Error(`NIXFLEET_WEB_DIR holds over ${MAX_BYTES} bytes: it is not the built page`);
    contents.set(`/${name}`, new Uint8Array(await readFile(path)));
  }
  for (const [path, body] of contents) {
    const type = TYPES[extname(path)];
    if (type === undefined) continue; // A compressed version of another file.
    const encoded = new Map<"br" | "gzip", EncodedBody>();
    const brotli = contents.get(`${path}.br`);
    const gzip = contents.get(`${path}.gz`);
    if (brotli !== undefined) encoded.set("br", { body: brotli, etag: etagOf(brotli) });
    if (gzip !== undefined) encoded.set("gzip", { body: gzip, etag: etagOf(gzip) });
    // Vite puts the hash of their content into the names of what it writes to assets/.
    const immutable = /^\/assets\/.*-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/.test(path);
    files.set(path, { body, etag: etagOf(body), type, immutable, encoded });
  }
  return {
    count: files.size,
    answer(path, headers) {
      const found = files.get(path === "/" ? "/index.html" : path) ?? (isPage(path) ? files.get("/index.html") : undefined);
      return found === undefined ? null : respond(found, headers);
    },
  };
}

async function list(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => relative(directory, join(entry.parentPath, entry.name)));
  } catch (error) {
    // The API also works without a built page; the page's path then says so.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Source maps and the like are not served. */
function isServed(name: string): boolean {
  return TYPES[extname(name.replace(/\.(?:br|gz)$/, ""))] !== undefined;
}

/** Whether the page itself handles a path: not if it looks like a file or belongs to the API. */
function isPage(path: string): boolean {
  if (/^\/(?:api|agent|assets)(?:\/|$)/.test(path)) return false;
  // Dots are legal in the names of hosts, so only endings that are served make an address look like a file.
  return TYPES[extname(path)] === undefined && extname(path) !== ".map";
}

function respond(file: StaticFile, request: Headers): Response {
  const [coding, chosen] = choose(file, request.get("Accept-Encoding"));
  const headers = new Headers({
    "Content-Type": file.type,
    "Cache-Control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    ETag: chosen.etag,
  });
  if (file.encoded.size > 0) headers.set("Vary", "Accept-Encoding");
  if (listOf(request.get("If-None-Match"), ",").includes(chosen.etag)) return new Response(null, { status: 304, headers });
  if (coding !== null) headers.set("Content-Encoding", coding);
  headers.set("Content-Length", String(chosen.body.length));
  return new Response(chosen.body, { headers });
}

/** The parts of a header's list, without the space around them. */
function listOf(text: string | null, separator: "," | ";"): string[] {
  return (text ?? "").split(separator).map((part) => part.trim());
}

function choose(file: StaticFile, accepted: string | null): [coding: "br" | "gzip" | null, EncodedBody] {
  const codings = listOf(accepted, ",").map((part) => listOf(part.toLowerCase(), ";"));
  for (const coding of ["br", "gzip"] as const) {
    const encoded = file.encoded.get(coding);
    const isAccepted = codings.some(([name, weight]) => name === coding && !/^q=0(?:\.0*)?$/.test(weight ?? ""));
    if (encoded !== undefined && isAccepted) return [coding, encoded];
  }
  return [null, file];
}

function etagOf(body: Uint8Array): string {
  return `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
}
