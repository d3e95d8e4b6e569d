import type { NumberedLine, RunId } from "@nixfleet/protocol";
import type { RunLogs, RunViews } from "../../runs/index.ts";
import { ok, refuse } from "../answer.ts";
import type { Serve } from "../serve.ts";

export interface LogRoutesDeps {
  readonly runViews: Pick<RunViews, "summary">;
  readonly logs: RunLogs;
}

const LINES_AS_JSON = 1000;

/** Logs of runs: by line, as a whole, searched. A log of any length is streamed chunk by chunk. */
export function serveLogs(serve: Serve, { runViews, logs }: LogRoutesDeps): void {
  serve("runLog", async ({ params, query }) => {
    const { from, limit, format } = query;
    const run = await runViews.summary(params.run);
    if (run === null) return refuse("run-not-found");
    if (format === "json") return ok(await logs.read(params.run, from, limit ?? LINES_AS_JSON));
    const lines = firstLines(logs.lines(params.run, from), limit);
    const [type, ending, text] =
      format === "jsonl" ? (["application/jsonl", "jsonl", jsonLines] as const) : (["text/plain", "log", plainLines] as const);
    return {
      kind: "raw",
      response: new Response(ReadableStream.from(encoded(lines, text)), {
        headers: {
          "Content-Type": `${type}; charset=utf-8`,
          "Content-Disposition": `inline; filename="run-${run.number}.${ending}"`,
          "Cache-Control": "no-store",
        },
      }),
    };
  });

  const ofRun = async <T>(runId: RunId, read: () => Promise<T>) =>
    (await runViews.summary(runId)) === null ? refuse("run-not-found") : ok(await read());

  serve("searchLog", ({ params, query, signal }) => ofRun(params.run, () => logs.search(params.run, query.q, signal)));
  serve("logOutline", ({ params }) => ofRun(params.run, () => logs.outline(params.run)));
}

async function* firstLines(chunks: AsyncGenerator<NumberedLine[]>, limit: number | undefined): AsyncGenerator<NumberedLine[]> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const lines of chunks) {
    yield lines.slice(0, left);
    left -= lines.length;
    if (left <= 0) return;
  }
}

async function* encoded(
  chunks: AsyncGenerator<NumberedLine[]>,
  text: (lines: readonly NumberedLine[]) => string,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const lines of chunks) yield encoder.encode(text(lines));
}

function jsonLines(lines: readonly NumberedLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** As the programs wrote it: pieces of one line are joined (R8). */
function plainLines(lines: readonly NumberedLine[]): string {
  return lines.map((line) => (line.continues ? line.text : `${line.text}\n`)).join("");
}
