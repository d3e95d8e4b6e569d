import { type FailureCode, type Outcome, type Phase, sentence, shorten } from "@nixfleet/protocol";
import { createGit, type Exec, type ExecResult, identifyProcess, type RunningProcess } from "@nixfleet/runtime";
import { type Clone, createClone } from "../git/clone.ts";
import type { EventWriter } from "../spool/event-writer.ts";
import { type RunLayout, type RunnerLayout, runnerLayout } from "../spool/layout.ts";
import { createLedger, type Ledger } from "../spool/ledger.ts";
import { createProcessRecord } from "../spool/run-record.ts";
import type { ActivationRecord, RequestRecord, RunProcess } from "../spool/shapes.ts";
import type { RunnerDeps } from "./deps.ts";
import type { OutputDeps } from "./output.ts";
import type { Redactor } from "./redactor.ts";

/** How long a program may take to end after SIGTERM, in milliseconds; then SIGKILL. Within the 5 s of a cancelled run. */
const GRACE_MS = 2000;

/** All that an op needs while it runs. */
export interface RunContext {
  readonly deps: RunnerDeps;
  readonly request: RequestRecord;
  readonly layout: RunnerLayout;
  readonly run: RunLayout;
  readonly events: EventWriter;
  /** Aborted by a cancel or the deadline. */
  readonly signal: AbortSignal;
  /** Milliseconds since that; 0 where it was not. */
  sinceStop(): number;
  readonly clone: Clone;
  readonly ledger: Ledger;
  readonly output: OutputDeps;
  readonly redact: Redactor;
  /** This boot of the machine. */
  readonly bootId: string;
  phase(phase: Phase): void;
  /** A sentence of the runner itself, in the log. */
  log(text: string): void;
  warn(message: string): void;
  /** Runs a program as a process of this run: it is ended with the run, and found again if this runner is killed. */
  execute: Exec;
  /** The same, told as the run's command: as `shown`, if that says more to a person. */
  begin(request: Parameters<Exec>[0], shown?: readonly string[]): RunningProcess;
  /** The same, to its end. */
  command(request: Parameters<Exec>[0], shown?: readonly string[]): Promise<ExecResult>;
  /** Records that an activation begins. On the disk when it returns; false: the disk is full. */
  recordActivation(activation: ActivationRecord): boolean;
}

export interface RunContextDeps {
  deps: RunnerDeps;
  request: RequestRecord;
  events: EventWriter;
  signal: AbortSignal;
  deadlineAt: number;
  redact: Redactor;
  /** The activation of a killed runner, where this one continues with its run. */
  activation?: ActivationRecord | null;
  /** The program that the killed runner had started last. */
  child?: RunProcess["child"];
}

export function createRunContext({
  deps,
  request,
  events,
  signal,
  deadlineAt,
  redact,
  activation: begun = null,
  child: left = null,
}: RunContextDeps): RunContext {
  const { config, clock, env } = deps;
  const layout = runnerLayout(config.runnerDir);
  const run = layout.run(request.runId);
  const runner = identifyProcess();
  if (runner === undefined) throw new Error("this process cannot find itself in the process table");

  const record = createProcessRecord(run, { runner, startedAt: clock.now(), deadlineAt, child: left, activation: begun });

  const execute: Exec = (program) => {
    const running = deps.exec({ graceMs: GRACE_MS, ...program });
    const child = running.pid === undefined ? undefined : identifyProcess(running.pid);
    record.setChild(child ?? null);
    return { pid: running.pid, result: running.result.finally(() => record.setChild(null)) };
  };
  const begin: RunContext["begin"] = (program, shown = program.argv) => {
    logCommand(shown);
    return execute(program);
  };
  const logCommand = (argv: readonly string[]) =>
    events.append({ kind: "command", argv: argv.slice(0, 100).map((word) => shorten(redact(word), 4000)) });
  const log = (text: string) => events.log({ at: clock.now(), stream: "agent", text: redact(text) });
  const git = createGit({
    exec: (program) => {
      const words = visibleGitWords(program.argv);
      if (words[1] === "fetch" || words[1] === "checkout") logCommand(words);
      return execute(program);
    },
    env,
    repoUrl: config.repoUrl,
    credentials: config.credentials,
  });

  let stoppedAt: number | undefined;
  signal.addEventListener("abort", () => {
    stoppedAt = performance.now();
  });

  return {
    sinceStop: () => (stoppedAt === undefined ? 0 : performance.now() - stoppedAt),
    deps,
    request,
    layout,
    run,
    events,
    signal,
    clone: createClone({ git, dir: layout.clone, url: config.repoUrl, branch: config.branch, log }),
    ledger: createLedger(layout.deployments),
    output: { log: events.log, progress: events.progress, now: clock.now, redact },
    redact,
    bootId: runner.bootId,
    phase: (phase) => events.append({ kind: "phase", phase }),
    log,
    warn: (message) => events.append({ kind: "warning", message: shorten(redact(message), 2000) }),
    execute,
    begin,
    command: (program, shown) => begin(program, shown).result,
    recordActivation: record.beginActivation,
  };
}

/** The words of a git command that mean something to a person: not the settings that keep git in its place. */
function visibleGitWords(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "-c" && words.length === 1) i++;
    else if (!/^--(git-dir|work-tree)=/.test(word)) words.push(word);
  }
  return words;
}

/** How a run fails: one sentence, and the tool's own first line where there is one. */
export function failure(
  code: FailureCode,
  reason: string,
  { firstError, exitCode }: { firstError?: string | undefined; exitCode?: number | undefined } = {},
): Outcome {
  return {
    state: "failed",
    code,
    reason: shorten(sentence(reason), 2000),
    ...(firstError === undefined ? {} : { firstError: shorten(firstError, 2000) }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

/** What a step returns when the run was stopped in it; why it was stopped is for the caller to log. */
export const STOPPED: Outcome = { state: "cancelled", reason: "Stopped." };
