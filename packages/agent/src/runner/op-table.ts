import type { OpName, OpRequest, Outcome } from "@nixfleet/protocol";
import type { RunContext } from "./context.ts";
import { collectGarbage } from "./ops/collect-garbage.ts";
import type { OpImplementation } from "./ops/implementation.ts";
import { preview } from "./ops/preview.ts";
import { pull } from "./ops/pull.ts";
import { reboot } from "./ops/reboot.ts";
import { refresh } from "./ops/refresh.ts";
import { restartAgent } from "./ops/restart-agent.ts";
import { rollback } from "./ops/rollback.ts";
import { switchOp } from "./ops/switch.ts";
import { test } from "./ops/test.ts";

/** Every op that the protocol declares. One that is missing here does not compile. */
export const OP_IMPLEMENTATIONS = {
  pull,
  preview,
  switch: switchOp,
  rollback,
  test,
  reboot,
  "collect-garbage": collectGarbage,
  refresh,
  "restart-agent": restartAgent,
} as const satisfies { [N in OpName]: OpImplementation<N> };

export function runOp(context: RunContext, request: OpRequest): Promise<Outcome> {
  // The table's type ties each implementation to the arguments of its own op; TypeScript cannot follow that through an index.
  const implementation = OP_IMPLEMENTATIONS[request.op] as OpImplementation<OpName>;
  return implementation(context, request.args);
}
