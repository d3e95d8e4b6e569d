import { type HostId, PLATFORM_LABELS, type RouteOutput } from "@nixfleet/protocol";
import type { Audit } from "../../audit/index.ts";
import type { FleetViews } from "../../fleet/index.ts";
import type { HostRecord, Hosts, Note } from "../../hosts/index.ts";
import type { Caller, Whence } from "../../people/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

export interface HostRoutesDeps {
  readonly hosts: Hosts;
  readonly views: Pick<FleetViews, "rows" | "view" | "changes" | "generations">;
  /** The last day's measurements of a host. */
  readonly metricsHistory: { read(hostId: HostId): Promise<RouteOutput<"hostMetrics">["items"]> };
  readonly audit: Audit;
}

/** Hosts, their tokens and their measurements. */
export function serveHosts(serve: Serve, { hosts, views, metricsHistory, audit }: HostRoutesDeps): void {
  /** Audits a change in its own transaction; `said` tells of it once that is stored. */
  function audited(caller: Caller, whence: Whence, action: string, sentence: (name: string) => string) {
    const seqs: number[] = [];
    const note: Note = async (trx, host) => {
      const entry = { who: caller.name, action, sentence: sentence(host.name), from: whence.address, outcome: "done" } as const;
      seqs.push(await audit.append(trx, { ...entry, hosts: [host] }));
    };
    const said = () => {
      for (const seq of seqs) audit.said(seq);
    };
    return { note, said };
  }

  async function viewOf(id: HostId) {
    const view = await views.view(id);
    return view === null ? refuse("host-not-found") : ok(view);
  }

  serve("hosts", async () => ok({ items: await views.rows() }));

  serve("addHost", async ({ body, caller, whence }) => {
    const { note, said } = audited(
      caller,
      whence,
      "host.add",
      (name) => `${caller.name} added ${name} (${PLATFORM_LABELS[body.platform]}) and made its token.`,
    );
    const added = await hosts.add(body, note);
    if (!added.ok) return refuse(added.code);
    said();
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

  serve("changeHost", async ({ params, body, caller, whence }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const renamed = body.name !== undefined && body.name !== host.name;
    const { note, said } = renamed
      ? audited(caller, whence, "host.rename", (name) => `${caller.name} renamed ${host.name} to ${name}.`)
      : audited(caller, whence, "host.change", (name) => `${caller.name} changed the notes of ${name}.`);
    const changed = await hosts.change(host.id, body, hasChange(host, body) ? note : undefined);
    if (!changed.ok) return refuse(changed.code);
    said();
    return viewOf(host.id);
  });

  serve("removeHost", async ({ params, caller, whence }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const { note, said } = audited(caller, whence, "host.remove", (name) => `${caller.name} removed ${name} with its runs.`);
    if (!(await hosts.remove(host.id, note))) return refuse("host-not-found");
    said();
    return ok(undefined);
  });

  serve("rotateToken", async ({ params, caller, whence }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const { note, said } = audited(caller, whence, "token.rotate", (name) => `${caller.name} replaced the token of ${name}.`);
    const token = await hosts.rotateToken(host.id, note);
    if (token === null) return refuse("host-not-found");
    said();
    return ok({ token });
  });

  serve("revokeToken", async ({ params, caller, whence }) => {
    const host = await hosts.find(params.host);
    if (host === null) return refuse("host-not-found");
    const { note, said } = audited(caller, whence, "token.revoke", (name) => `${caller.name} revoked the token of ${name}.`);
    await hosts.revokeToken(host.id, note);
    said();
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
