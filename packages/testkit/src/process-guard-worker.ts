/**
 * The program behind `endWithThisProcess`: reads from its standard input which processes began (`+pid`) and ended (`-pid`), and ends
 * those that are left when that closes.
 */
import { createInterface } from "node:readline";
import { identifyProcess, isAlive, type ProcessIdentity } from "@nixfleet/runtime";
import { killAll, livingTree } from "./process-tree.ts";

const begun = new Map<string, ProcessIdentity>();
for await (const line of createInterface({ input: process.stdin })) {
  const pid = line.slice(1);
  const identity = identifyProcess(Number(pid));
  if (line.startsWith("+") && identity !== undefined) begun.set(pid, identity);
  else begun.delete(pid);
}
for (const leader of begun.values()) {
  let tree = isAlive(leader) ? livingTree(leader.pid) : [];
  while (tree.length > 0) {
    killAll(tree);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // What was being started while the others were ended is found now.
    tree = livingTree(...tree.map(({ pid }) => pid));
  }
}
