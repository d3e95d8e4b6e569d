import { type HostPolicy, OpName, opDeclaration } from "@nixfleet/protocol";
import { formatDuration } from "../../format/duration.ts";
import { namesInWords } from "../../ops/requests.ts";

/** What the host's own configuration makes of what it is asked for, as facts by name. */
export function policyWords(policy: HostPolicy): readonly (readonly [name: string, value: string])[] {
  const { allowedOps, allowRewind, signed, confirmTimeout } = policy;
  const never = OpName.options.filter((op) => !allowedOps.includes(op)).map((op) => opDeclaration(op).label);
  return [
    ["Does", never.length === 0 ? "every op" : `everything but ${namesInWords(never.map((label) => label.toLowerCase()))}`],
    ["Takes", `${signed ? "signed commits only" : "any commit of its branch"}${allowRewind ? ", also older ones by force" : ""}`],
    [
      "Dead-man switch",
      confirmTimeout === 0
        ? "off: nothing is undone by itself"
        : `undoes what is not confirmed in ${formatDuration(confirmTimeout * 1_000)}`,
    ],
  ];
}
