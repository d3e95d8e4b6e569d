import { formatTimeOfDay } from "../format/duration.ts";

/** A line's number, which is a link to it. */
export function LineNumber({ n, onPick }: { n: number; onPick: (n: number) => void }) {
  return (
    <a
      href={`#L${n}`}
      onClick={(event) => {
        // With a modifier it is the browser's: another tab, another window.
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        onPick(n);
      }}
      tabIndex={-1}
      aria-label={`Line ${n}`}
      className="w-11 flex-none text-right text-faint tabular-nums select-none hover:text-text max-phone:w-9"
    >
      {n}
    </a>
  );
}

/** When a line was written. On a phone the text has the room. */
export function LineTime({ at }: { at: number | undefined }) {
  return (
    <span className="w-14 flex-none text-faint tabular-nums select-none max-phone:hidden">
      {at === undefined ? "" : formatTimeOfDay(at)}
    </span>
  );
}
