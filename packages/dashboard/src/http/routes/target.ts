import type { Target } from "../../sources/index.ts";
import type { Store } from "../../store/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

/** What hosts should run. */
export function serveTarget(
  serve: Serve,
  { target, store }: { target: Pick<Target, "view" | "refresh">; store: Pick<Store, "change"> },
): void {
  serve("target", async () => ok(target.view()));

  serve("refreshTarget", async ({ caller, origin }) => {
    if (target.view().state === "not-configured") return refuse("target-not-configured");
    const view = await target.refresh();
    const failed = view.state !== "known" || view.problem !== null;
    await store.change(async (change) =>
      change.audit({
        actor: { kind: "person", id: caller.personId, name: caller.name },
        action: "target.refresh",
        sentence: failed
          ? `${caller.name} had the config repository read, which failed.`
          : `${caller.name} had the config repository read.`,
        from: origin.address,
        outcome: failed ? "failed" : "done",
      }),
    );
    return ok(view);
  });
}
