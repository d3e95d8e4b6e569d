import type { Commit, SourceId } from "@nixfleet/protocol";
import { type HostRecord, sourceNameOf } from "../hosts/index.ts";
import type { SourcesReader, Standing } from "../sources/index.ts";
import { type HostInput, runningCommit, type TargetInput } from "../status/index.ts";

/** The id of the source that a host tracks, declared here or not; null: not known yet. */
export function trackedSource(sources: SourcesReader, { sourceId }: HostRecord): SourceId | null {
  return sourceId ?? sources.of(null)?.id ?? null;
}

/** The target of the source that a host tracks, with the standings of its pulled and its running commit. */
export async function hostTarget(sources: SourcesReader, record: HostRecord, input: HostInput): Promise<TargetInput> {
  const source = sources.of(record.sourceId);
  if (source === null) return withoutSource(sources, record, input);
  const view = source.view();
  if (view.state === "never-read") return { state: "never-read", problem: view.problem };
  const { commit, subject, lockHash, inputs, stale } = view;
  const commits = [input.facts.clone?.commit ?? null, runningCommit(input, commit).commit].filter((known) => known !== null);
  const standings = new Map<Commit, Standing>();
  for (const known of commits) standings.set(known, await source.standing(known));
  return { state: "known", commit, subject, lockHash, inputs, stale, standings };
}

function withoutSource(sources: SourcesReader, { settings }: HostRecord, { facts }: HostInput): TargetInput {
  if (sources.list().length === 0) return { state: "not-configured" };
  const named = sourceNameOf(settings, facts.clone);
  if (named === null) return { state: "never-read", problem: "The host has not reported which source it follows." };
  return { state: "unknown-source", ...named };
}
