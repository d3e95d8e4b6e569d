import { type HostPolicy, OpName, opDeclaration } from "@nixfleet/protocol";
import { formatAge, formatDuration } from "../../format/duration.ts";
import { joinNames } from "../../ops/requests.ts";

/** What the host's own configuration makes of what it is asked for, as facts by name. */
export function policyWords(policy: HostPolicy): readonly (readonly [name: string, value: string])[] {
  const { allowedOps, allowRewind, signed, confirmTimeout } = policy;
  const never = OpName.options.filter((op) => !allowedOps.includes(op)).map((op) => opDeclaration(op).label);
  return [
    ["Does", never.length === 0 ? "every op" : `everything but ${joinNames(never.map((label) => label.toLowerCase()))}`],
    ["Takes", `${signed ? "signed commits only" : "any commit of its branch"}${allowRewind ? ", also older ones by force" : ""}`],
    [
      "Dead-man switch",
      confirmTimeout === 0
        ? "off: nothing is undone by itself"
        : `undoes what is not confirmed in ${windowWords(confirmTimeout)}`,
    ],
  ];
}

/** How long the confirm window is, without seconds where there are none: `2 min`, `1 min 30 s`. */
export function windowWords(seconds: number): string {
  return seconds >= 60 && seconds % 60 === 0 ? formatAge(seconds * 1_000) : formatDuration(seconds * 1_000);
}
