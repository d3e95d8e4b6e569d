import type { NumberedLine } from "@nixfleet/protocol";
import { FoldButton } from "./fold-button.tsx";
import { foldWords } from "./fold-words.ts";
import { LineNumber, LineTime } from "./line-margin.tsx";

/** One row for a range of noise; a press opens it. */
export function FoldRow({
  from,
  to,
  first,
  last,
  times,
  wrap,
  onPick,
  onOpen,
}: {
  from: number;
  to: number;
  first: NumberedLine | undefined;
  last: NumberedLine | undefined;
  times: boolean;
  wrap: boolean;
  onPick: (n: number) => void;
  onOpen: (from: number) => void;
}) {
  const { lead, rest } = foldWords(to - from + 1, first, last);
  return (
    <div data-line={from} className="flex min-h-5 gap-4 border-l-[3px] border-transparent pr-5 leading-5">
      <LineNumber n={from} onPick={onPick} />
      {times && <LineTime at={first?.at} />}
      <FoldButton open={false} onPress={() => onOpen(from)} className={wrap ? "min-w-0 text-left" : "whitespace-pre"}>
        <span className={wrap ? "truncate" : undefined}>
          <span className="underlined">{lead}</span>
          {rest && <span className="ml-2 text-faint">{rest}</span>}
        </span>
      </FoldButton>
    </div>
  );
}
