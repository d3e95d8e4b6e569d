import type { Target } from "../../sources/index.ts";
import type { Store } from "../../store/index.ts";
import { ok, refuse } from "../answer.ts";
import { auditFact } from "../audit-fact.ts";
import type { Serve } from "../serve.ts";

/** What hosts should run. */
export function serveTarget(
  serve: Serve,
  { target, store }: { target: Pick<Target, "view" | "refresh">; store: Pick<Store, "change"> },
): void {
  serve("target", async () => ok(target.view()));

  serve("refreshTarget", async ({ principal, origin }) => {
    if (target.view().state === "not-configured") return refuse("target-not-configured");
    const view = await target.refresh();
    const failed = view.state !== "known" || view.problem !== null;
    const fact = auditFact(principal, origin, {
      action: "target.refresh",
      did: `refreshed the target${failed ? ", which failed" : ""}`,
      outcome: failed ? "failed" : "done",
    });
    await store.change(async (change) => change.audit(fact));
    return ok(view);
  });
}
