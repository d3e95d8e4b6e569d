import { API_PATH, ROUTES, type Route } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { openApiDocument } from "./openapi.ts";

type Operation = { operationId: string; responses: Record<string, unknown>; security: unknown[]; parameters: { name: string }[] };
const document = openApiDocument({ version: "1.2.3", secure: true }) as unknown as {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
};

test("the OpenAPI document has every route of the table, with its parameters and problems, and nothing else", () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
  );
  const routes = Object.entries<Route>(ROUTES);
  expect(operations.sort()).toEqual(routes.map(([name, { method, path }]) => `${name} ${method} ${API_PATH}${path}`).sort());
  const start = document.paths["/api/v1/hosts/{host}/runs"]?.post;
  expect(start?.parameters.map(({ name }) => name)).toEqual(["host", "Idempotency-Key"]);
  expect(Object.keys(start?.responses ?? {}).sort()).toEqual([
    "200",
    "400",
    "401",
    "403",
    "404",
    "409",
    "413",
    "422",
    "429",
    "500",
    "503",
  ]);
  expect(document.paths["/api/v1/setup"]?.post?.security).toEqual([]);
});

test("every reference in the OpenAPI document leads to a schema of it", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] ?? "");
  expect(references.length).toBeGreaterThan(50);
  for (const reference of new Set(references)) {
    expect(reference).toMatch(/^#\/components\/schemas\//);
    expect(Object.keys(document.components.schemas)).toContain(reference.split("/").at(-1));
  }
});
