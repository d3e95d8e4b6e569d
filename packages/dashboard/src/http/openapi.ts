import {
  API_PATH,
  AuditEntry,
  ChangesView,
  CSRF_HEADER,
  GenerationView,
  HostRow,
  HostView,
  IDEMPOTENCY_HEADER,
  NumberedLine,
  PROBLEMS,
  Problem,
  type ProblemCode,
  ROUTES,
  type Route,
  RunSummary,
  RunView,
  Session,
  SessionListing,
  SourceView,
  TargetView,
} from "@nixfleet/protocol";
import * as z from "zod";

const COMPONENTS = {
  AuditEntry,
  ChangesView,
  GenerationView,
  HostRow,
  HostView,
  NumberedLine,
  Problem,
  RunSummary,
  RunView,
  Session,
  SessionListing,
  SourceView,
  TargetView,
} as const;

type Json = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of the REST interface, made from `ROUTES`. Its schemas are JSON Schema 2020-12, which is what
 * OpenAPI 3.1 takes as it is; those of the views stand once, under `components`.
 */
export function openApiDocument({ version, secure }: { version: string; secure: boolean }): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id });
  const inline = new Map<string, z.ZodType>();
  const schemaOf = (schema: z.ZodType, id: string): Json => {
    if (!registry.has(schema)) {
      registry.add(schema, { id });
      inline.set(id, schema);
    }
    return { $ref: `#/components/schemas/${registry.get(schema)?.id}` };
  };

  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries<Route>(ROUTES)) {
    const title = `${name[0]?.toUpperCase()}${name.slice(1)}`;
    const path = `${API_PATH}${route.path}`;
    paths[path] = { ...paths[path], [route.method]: operation(name, title, route, schemaOf) };
  }

  const { schemas } = z.toJSONSchema(registry, {
    // JSON Schema describes the shape before transforms only; ours change no shape.
    io: "input",
    uri: (id) => `#/components/schemas/${id}`,
  });
  return {
    openapi: "3.1.1",
    info: { title: "NixFleet", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutIdentity(schema)])),
      securitySchemes: {
        session: { type: "apiKey", in: "cookie", name: secure ? "__Host-nixfleet" : "nixfleet" },
        csrf: { type: "apiKey", in: "header", name: CSRF_HEADER },
      },
    },
  };
}

function operation(name: string, title: string, route: Route, schemaOf: (schema: z.ZodType, id: string) => Json): Json {
  const codes = new Set<ProblemCode>([...route.problems, "internal", "unavailable"]);
  if (route.params ?? route.query ?? route.body) codes.add("invalid-request");
  if (route.role !== null) codes.add("not-signed-in").add("role-too-low");
  if (route.principal === "session") codes.add("session-needed");
  if (route.method !== "get") codes.add("cross-site").add("too-large");
  if (route.method === "post" && route.role !== null) codes.add("idempotency-mismatch");
  return {
    operationId: name,
    summary: route.summary,
    parameters: [...parameters(route.params, "path"), ...parameters(route.query, "query"), ...idempotencyHeader(route)],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { "application/json": { schema: schemaOf(route.body, `${title}Request`) } } },
        }),
    responses: {
      ...(route.response === null
        ? { 204: { description: "Done" } }
        : {
            200: { description: "Done", content: { "application/json": { schema: schemaOf(route.response, `${title}Answer`) } } },
          }),
      ...problemResponses([...codes]),
    },
    security: route.role === null ? [] : [route.method === "get" ? { session: [] } : { session: [], csrf: [] }],
  };
}

function parameters(schema: z.ZodObject | undefined, place: "path" | "query"): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input" });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
  }));
}

function idempotencyHeader(route: Route): Json[] {
  if (route.method !== "post" || route.role === null) return [];
  const description =
    "Identifies this request. If it is sent again within 24 hours, it gets the first answer and changes nothing.";
  return [{ name: IDEMPOTENCY_HEADER, in: "header", required: false, description, schema: { type: "string", maxLength: 200 } }];
}

function problemResponses(codes: readonly ProblemCode[]): Json {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      String(status),
      {
        description: of.map((code) => `${code}: ${PROBLEMS[code].title}`).join(" "),
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

/** Components have no id of their own in OpenAPI. */
function withoutIdentity(schema: object): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== "$id" && key !== "$schema" && key !== "id"));
}
