import { type HostPolicy, OpName, opDeclaration } from "@nixfleet/protocol";
import { formatAge, formatDuration } from "../../format/duration.ts";
import { joinNames } from "../../ops/requests.ts";

/** What the host's own configuration allows, as facts by name. */
export function policyWords(policy: HostPolicy): readonly (readonly [name: string, value: string])[] {
  const { allowedOps, allowRewind, signed, confirmTimeout } = policy;
  const never = OpName.options.filter((op) => !allowedOps.includes(op)).map((op) => opDeclaration(op).label);
  return [
    ["Allows", never.length === 0 ? "every op" : `everything except ${joinNames(never.map((label) => label.toLowerCase()))}`],
    ["Accepts", `${signed ? "signed commits only" : "any commit on its branch"}${allowRewind ? ", older ones if forced" : ""}`],
    [
      "Dead-man switch",
      confirmTimeout === 0 ? "off: no automatic rollback" : `rolls back unless confirmed within ${windowWords(confirmTimeout)}`,
    ],
  ];
}

/** The length of the confirm window, without zero seconds: `2 min`, `1 min 30 s`. */
export function windowWords(seconds: number): string {
  return seconds >= 60 && seconds % 60 === 0 ? formatAge(seconds * 1_000) : formatDuration(seconds * 1_000);
}
