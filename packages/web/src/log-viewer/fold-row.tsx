import type { NumberedLine } from "@nixfleet/protocol";
import { ChevronRight } from "lucide-react";
import { classNames } from "../components/class-names.ts";
import { Icon } from "../components/icon.tsx";
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
      <button
        type="button"
        aria-expanded={false}
        onClick={() => onOpen(from)}
        className={classNames(
          "flex items-center gap-1.5 text-muted hover:text-text",
          wrap ? "min-w-0 text-left" : "whitespace-pre",
        )}
      >
        <Icon of={ChevronRight} />
        <span className={wrap ? "truncate" : undefined}>
          <span className="underlined">{lead}</span>
          {rest && <span className="ml-2 text-faint">{rest}</span>}
        </span>
      </button>
    </div>
  );
}
