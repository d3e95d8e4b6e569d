import type { Audit } from "../../audit/index.ts";
import type { Target } from "../../sources/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

/** What hosts should run. */
export function serveTarget(serve: Serve, { target, audit }: { target: Pick<Target, "view" | "refresh">; audit: Audit }): void {
  serve("target", async () => ok(target.view()));

  serve("refreshTarget", async ({ caller, whence }) => {
    if (target.view().state === "not-configured") return refuse("target-not-configured");
    const view = await target.refresh();
    const failed = view.state !== "known" || view.problem !== null;
    await audit.record({
      who: caller.name,
      action: "target.refresh",
      sentence: failed
        ? `${caller.name} had the config repository read, which failed.`
        : `${caller.name} had the config repository read.`,
      from: whence.address,
      outcome: failed ? "failed" : "done",
    });
    return ok(view);
  });
}
