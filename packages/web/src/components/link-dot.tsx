import { classNames } from "./class-names.ts";

const DOT = { live: "bg-ok-fill", reconnecting: "bg-attention-fill", offline: "bg-unknown-fill" } as const;

/** How the page hangs on the server: a dot and words, whose figures do not dance while they count. */
export function LinkDot({ state, words }: { state: keyof typeof DOT; words: string }) {
  return (
    <span role="status" className="flex min-w-[46px] items-center gap-1.5 text-small whitespace-nowrap text-muted tabular-nums">
      <i className={classNames("size-2 flex-none rounded-full", DOT[state])} />
      {words}
    </span>
  );
}
