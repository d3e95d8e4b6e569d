import { FAILURES, type LockInput, sentence } from "@nixfleet/protocol";
import type { Finding, HostInput, TargetInput } from "./input.ts";
import { finding } from "./wording.ts";

/** Name of this project's input in the user's flake. */
const OWN_INPUT = "nixfleet";

/** Is the agent the one that the running configuration installs, and no older than what the target pins? */
export function agentFinding({ facts, conflict, unsupported }: HostInput, target: TargetInput, runsTarget: boolean): Finding {
  const broken = (word: string, text: string, lead: string, since: number | null = null): Finding =>
    finding("broken", word, text, { cause: { lead, detail: text, since }, note: lead });
  if (conflict !== null) return broken("conflict", sentence(conflict), "Two machines claim to be this host");
  if (unsupported !== null) return broken("unsupported", sentence(unsupported), "The agent's protocol is not supported");
  const { agent } = facts;
  if (agent === undefined) return finding("unknown", "not yet", "The agent has not connected yet.");
  const problem = facts.problems?.[0];
  if (problem !== undefined) {
    const { next, sentence: lead } = FAILURES[problem.code];
    return broken("problem", `${sentence(problem.message)} ${next}`, lead.replace(/\.$/, ""), problem.at);
  }
  if (agent.storePath !== undefined && agent.installedPath !== undefined && agent.storePath !== agent.installedPath) {
    return finding(
      "attention",
      "not restarted",
      `${agent.version} is still running, but the running configuration installs another agent. Restart the agent.`,
      {
        cause: { lead: "The agent was not restarted", detail: "the running configuration installs another one", since: null },
        note: "the agent was not restarted",
        action: { label: "Restart agent", op: "restart-agent", args: {} },
      },
    );
  }
  if (facts.undoAtBoot === "lost") {
    const text =
      "The runner's directory is in memory: after a reboot, nothing undoes a switch that was not confirmed. Move the directory to a disk; nixfleet-agent check on the host names it.";
    const lead = "Nothing undoes a switch at boot";
    return finding("attention", "at risk", text, {
      cause: { lead, detail: "the runner's directory is in memory", since: null },
      note: "nothing undoes a switch at boot",
    });
  }
  const pinned = target.state === "known" && Object.hasOwn(target.inputs, OWN_INPUT) ? target.inputs[OWN_INPUT] : undefined;
  const cloned =
    facts.lock !== undefined && "inputs" in facts.lock && Object.hasOwn(facts.lock.inputs, OWN_INPUT)
      ? facts.lock.inputs[OWN_INPUT]
      : undefined;
  if (pinned?.revision === undefined) {
    // Without a pin and a store path, all that can be checked is the protocol, which it speaks.
    const proven = agent.storePath !== undefined && agent.storePath === agent.installedPath;
    const how = proven ? "as installed by the running configuration" : "and speaks this dashboard's protocol";
    return finding("ok", "current", `${agent.version} runs, ${how}.`);
  }
  if (agent.revision === pinned.revision)
    return finding("ok", "current", `${agent.version} runs, the version that the target pins.`);
  if (runsTarget || !isOlder(agent.revision, cloned, pinned)) {
    return finding("ok", "current", `${agent.version} runs, no older than the version that the target pins.`);
  }
  return finding("attention", "outdated", `${agent.version} runs, and the target pins a newer one. Pull and switch to get it.`, {
    // No action of its own: Git, Lock and System suggest pull and switch.
    cause: { lead: "A newer agent is pinned", detail: `${agent.version} runs`, since: pinned.lastModified ?? null },
    note: "a newer agent is pinned",
  });
}

/** Whether the agent is older than what the target pins, by the dates in the two lock files. Versions say nothing (R23). */
function isOlder(revision: string | undefined, cloned: LockInput | undefined, pinned: LockInput): boolean {
  if (cloned?.revision === undefined) return true;
  // The clone already has the target's pin: only the switch is missing.
  if (cloned.revision === pinned.revision) return revision !== undefined;
  if (cloned.lastModified === undefined || pinned.lastModified === undefined) return true;
  return cloned.lastModified < pinned.lastModified;
}
