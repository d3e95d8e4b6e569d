import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { openHttp } from "./http.fixture.ts";

const script = `console.log("${"x".repeat(1000)}")`;

async function builtPage() {
  const folder = await createTempDir();
  await writeFile(join(folder.path, "secret.txt"), "not of the page");
  const webDir = join(folder.path, "dist");
  await mkdir(join(webDir, "assets"), { recursive: true });
  await writeFile(join(webDir, "index.html"), "<!doctype html><title>NixFleet</title>");
  await writeFile(join(webDir, "assets/index-B1x2Y3z4.js"), script);
  await writeFile(join(webDir, "assets/index-B1x2Y3z4.js.br"), brotliCompressSync(script));
  await writeFile(join(webDir, "assets/index-B1x2Y3z4.js.gz"), gzipSync(script));
  await writeFile(join(webDir, "icon.svg"), "<svg/>");
  await symlink(join(folder.path, "secret.txt"), join(webDir, "link.txt"));
  const http = await openHttp({ webDir });
  return {
    get: (path: string, headers: Record<string, string> = {}) => fetch(`${http.base}${path}`, { headers }),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test("the addresses of pages, also with a dot in a host's name, give the page, which is validated each time", async () => {
  await using page = await builtPage();
  for (const path of ["/", "/hosts/pi.example", "/runs/01abc", "/hosts/a.b?tab=runs"]) {
    const response = await page.get(path);
    expect({ path, status: response.status, text: await response.text() }).toMatchObject({
      status: 200,
      text: expect.stringContaining("NixFleet"),
    });
    expect(response.headers.get("Cache-Control")).toBe("no-cache");
  }
  const etag = (await page.get("/")).headers.get("ETag") ?? "";
  expect((await page.get("/", { "If-None-Match": etag })).status).toBe(304);
});

test("hashed assets are kept for ever, other files are validated each time, and an asset that is gone is no page", async () => {
  await using page = await builtPage();
  const asset = await page.get("/assets/index-B1x2Y3z4.js");
  expect(asset.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
  expect(asset.headers.get("Content-Type")).toBe("text/javascript; charset=utf-8");
  expect((await page.get("/icon.svg")).headers.get("Cache-Control")).toBe("no-cache");
  for (const path of ["/assets/index-00000000.js", "/favicon.ico", "/index.js.map", "/api/other", "/agent/x"]) {
    expect((await page.get(path)).status, path).toBe(404);
  }
});

test("what the build has compressed is sent as it is to who takes it, brotli first", async () => {
  await using page = await builtPage();
  const coding = async (accept: string) => {
    const response = await page.get("/assets/index-B1x2Y3z4.js", { "Accept-Encoding": accept });
    expect(await response.text()).toBe(script);
    expect(response.headers.get("Vary")).toBe("Accept-Encoding");
    return response.headers.get("Content-Encoding");
  };
  expect(await coding("gzip, deflate, br")).toBe("br");
  expect(await coding("gzip;q=1.0, br;q=0")).toBe("gzip");
  expect(await coding("identity")).toBe(null);
});

test("R50: no address leads out of the built page, not even by a link in it", async () => {
  await using page = await builtPage();
  for (const path of [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/assets/../../secret.txt",
    "/link.txt",
    "//secret.txt",
    "/..\\secret.txt",
  ]) {
    const text = await (await page.get(path)).text();
    expect(text, path).not.toContain("not of the page");
  }
});

test("without a built page the API works, and the page's address says what is missing", async () => {
  await using http = await openHttp();
  const response = await fetch(`${http.base}/`);
  expect({ status: response.status, text: await response.text() }).toMatchObject({
    status: 404,
    text: expect.stringContaining("NIXFLEET_WEB_DIR"),
  });
  expect((await fetch(`${http.base}/api/v1/setup`)).status).toBe(200);
});
