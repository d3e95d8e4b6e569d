import type { OpName, OpRequest, Outcome } from "@nixfleet/protocol";
import type { RunContext } from "../context.ts";

type ArgsOf<N extends OpName> = Extract<OpRequest, { op: N }>["args"];

/** Does the work of an op. Ends early when the context's signal is aborted; throws only for faults of this program. */
export type OpImplementation<N extends OpName> = (context: RunContext, args: ArgsOf<N>) => Promise<Outcome>;
