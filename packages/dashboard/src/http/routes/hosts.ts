import { type HostId, PLATFORM_LABELS, type RouteOutput } from "@nixfleet/protocol";
import type { FleetViews } from "../../fleet/index.ts";
import type { DescribeHostChange, HostRecord, Hosts } from "../../hosts/index.ts";
import type { Caller, RequestOrigin } from "../../people/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

export interface HostRoutesDeps {
  readonly hosts: Hosts;
  readonly views: Pick<FleetViews, "rows" | "view" | "changes" | "generations">;
  /** The last day's measurements of a host. */
  readonly metricsHistory: { read(hostId: HostId): Promise<RouteOutput<"hostMetrics">["items"]> };
}

/** Hosts, their tokens and their measurements. */
export function serveHosts(serve: Serve, { hosts, views, metricsHistory }: HostRoutesDeps): void {
  /** What the audit trail tells of a change of a host. */
  const fact =
    (caller: Caller, origin: RequestOrigin, action: string, sentence: (name: string) => string): DescribeHostChange =>
    (host) => ({
      actor: { kind: "person", id: caller.personId, name: caller.name },
      action,
      sentence: sentence(host.name),
      from: origin.address,
      outcome: "done",
      hosts: [host],
    });

  async function viewOf(id: HostId) {
    const view = await views.view(id);
    return view === null ? refuse("host-not-found") : ok(view);
  }

  serve("hosts", async () => ok({ items: await views.rows() }));

  serve("addHost", async ({ body, caller, origin }) => {
    const describe = fact(
      caller,
      origin,
      "host.add",
      (name) => `${caller.name} added ${name} (${PLATFORM_LABELS[body.platform]}) and made its token.`,
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

  serve("changeHost", async ({ params, body, caller, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const renamed = body.name !== undefined && body.name !== host.name;
    const describe = renamed
      ? fact(caller, origin, "host.rename", (name) => `${caller.name} renamed ${host.name} to ${name}.`)
      : fact(caller, origin, "host.change", (name) => `${caller.name} changed the notes of ${name}.`);
    const changed = await hosts.change(host.id, body, hasChange(host, body) ? describe : undefined);
    if (!changed.ok) return refuse(changed.code);
    return viewOf(host.id);
  });

  serve("removeHost", async ({ params, caller, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const describe = fact(caller, origin, "host.remove", (name) => `${caller.name} removed ${name} with its runs.`);
    if (!(await hosts.remove(host.id, describe))) return refuse("host-not-found");
    return ok(undefined);
  });

  serve("rotateToken", async ({ params, caller, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const describe = fact(caller, origin, "token.rotate", (name) => `${caller.name} replaced the token of ${name}.`);
    const token = await hosts.rotateToken(host.id, describe);
    if (token === null) return refuse("host-not-found");
    return ok({ token });
  });

  serve("revokeToken", async ({ params, caller, origin }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const describe = fact(caller, origin, "token.revoke", (name) => `${caller.name} revoked the token of ${name}.`);
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
