import { type HostId, PLATFORM_LABELS, type RouteOutput } from "@nixfleet/protocol";
import type { FleetViews } from "../../fleet/index.ts";
import type { DescribeHostChange, HostRecord, Hosts } from "../../hosts/index.ts";
import type { Principal, RequestOrigin } from "../../people/index.ts";
import { ok, refuse } from "../answer.ts";
import { auditFact } from "../audit-fact.ts";
import type { Serve } from "../serve.ts";

export interface HostRoutesDeps {
  readonly hosts: Hosts;
  readonly views: Pick<FleetViews, "rows" | "view" | "changes" | "generations">;
  /** The last day's measurements of a host. */
  readonly metricsHistory: { read(hostId: HostId): Promise<RouteOutput<"hostMetrics">["items"]> };
}

/** Hosts, their tokens and their measurements. */
export function serveHosts(serve: Serve, { hosts, views, metricsHistory }: HostRoutesDeps): void {
  /** The audit entry for a change of a host. */
  const describeBy =
    (principal: Principal, origin: RequestOrigin, action: string, predicate: (name: string) => string): DescribeHostChange =>
    (host) =>
      auditFact(principal, origin, { action, predicate: predicate(host.name), outcome: "done", hosts: [host] });

  async function viewOf(id: HostId) {
    const view = await views.view(id);
    return view === null ? refuse("host-not-found") : ok(view);
  }

  serve("hosts", async () => ok({ items: await views.rows() }));

  serve("addHost", async ({ body, principal, origin }) => {
    const describe = describeBy(
      principal,
      origin,
      "host.add",
      (name) => `added ${name} (${PLATFORM_LABELS[body.platform]}) and created its token`,
    );
    const added = await hosts.add(body, describe);
    if (!added.ok) return refuse(added.code);
    const view = await views.view(added.id);
    if (view === null) throw new Error(`The host ${added.id} was added and cannot be shown`);
    return ok({ host: view, token: added.token });
  });

  serve("host", async ({ params }) => {
    const host = await hosts.find(params.host);
    return host === null ? refuse("host-not-found") : viewOf(host.id);
  });

  serve("hostChanges", async ({ params }) => {
    const host = await hosts.find(params.host);
    const found = host === null ? null : await views.changes(host.id);
    return found === null ? refuse("host-not-found") : ok(found);
  });

  serve("hostGenerations", async ({ params }) => {
    const host = await hosts.find(params.host);
    const items = host === null ? null : await views.generations(host.id);
    return items === null ? refuse("host-not-found") : ok({ items });
  });

  serve("changeHost", async ({ params, body, principal, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const renamed = body.name !== undefined && body.name !== host.name;
    const describe = renamed
      ? describeBy(principal, origin, "host.rename", (name) => `renamed ${host.name} to ${name}`)
      : describeBy(principal, origin, "host.change", (name) => `changed the notes of ${name}`);
    const changed = await hosts.change(host.id, body, hasChange(host, body) ? describe : undefined);
    if (!changed.ok) return refuse(changed.code);
    return viewOf(host.id);
  });

  serve("removeHost", async ({ params, principal, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const describe = describeBy(principal, origin, "host.remove", (name) => `removed ${name}`);
    if (!(await hosts.remove(host.id, describe))) return refuse("host-not-found");
    return ok(undefined);
  });

  serve("rotateToken", async ({ params, principal, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const describe = describeBy(principal, origin, "token.rotate", (name) => `replaced the token of ${name}`);
    const token = await hosts.rotateToken(host.id, describe);
    if (token === null) return refuse("host-not-found");
    return ok({ token });
  });

  serve("revokeToken", async ({ params, principal, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const describe = describeBy(principal, origin, "token.revoke", (name) => `revoked the token of ${name}`);
    await hosts.revokeToken(host.id, describe);
    return ok(undefined);
  });

  serve("hostMetrics", async ({ params }) => {
    const host = await hosts.find(params.host);
    return host === null ? refuse("host-not-found") : ok({ items: await metricsHistory.read(host.id) });
  });
}

function hasChange(host: HostRecord, { name, notes }: { name?: string | undefined; notes?: string | undefined }): boolean {
  return (name !== undefined && name !== host.name) || (notes !== undefined && notes !== host.notes);
}
