import type { SourceView } from "@nixfleet/protocol";
import type { Principal, RequestOrigin } from "../../people/index.ts";
import { type Source, type Sources, sourceTitle } from "../../sources/index.ts";
import type { Store } from "../../store/index.ts";
import { ok, refuse } from "../answer.ts";
import { auditFact } from "../audit-fact.ts";
import type { Serve } from "../serve.ts";

export interface SourceRoutesDeps {
  readonly sources: Pick<Sources, "list" | "of" | "only">;
  readonly store: Pick<Store, "change">;
}

/** The declared sources and their targets. */
export function serveSources(serve: Serve, { sources, store }: SourceRoutesDeps): void {
  async function refresh(source: Source, principal: Principal, origin: RequestOrigin): Promise<SourceView> {
    const view = await source.refresh();
    const failed = view.state !== "known" || view.problem !== null;
    const title = sourceTitle({ repoUrl: source.url, branch: source.branch, flakeDir: source.flakeDir });
    const fact = auditFact(principal, origin, {
      action: "source.refresh",
      predicate: `refreshed ${title}${failed ? ", which failed" : ""}`,
      outcome: failed ? "failed" : "done",
    });
    await store.change(async (change) => change.audit(fact));
    return view;
  }

  serve("sources", async () => ok({ items: sources.list().map((source) => source.view()) }));

  serve("refreshSource", async ({ params, principal, origin }) => {
    const source = sources.of(params.source);
    return source === null ? refuse("source-not-found") : ok(await refresh(source, principal, origin));
  });

  serve("target", async () => ok(sources.only?.view() ?? { state: "not-configured" }));

  serve("refreshTarget", async ({ principal, origin }) => {
    const { only } = sources;
    return only === null ? refuse("target-not-configured") : ok(await refresh(only, principal, origin));
  });
}
