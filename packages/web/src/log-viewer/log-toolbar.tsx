import {
  ChevronDown,
  ChevronUp,
  CircleX,
  Clock,
  Download,
  type LucideIcon,
  Maximize2,
  TextWrap,
  TriangleAlert,
} from "lucide-react";
import type { KeyboardEvent, ReactNode } from "react";
import { buttonClass, IconButton } from "../components/button.tsx";
import { chipClass } from "../components/chip.tsx";
import { classNames } from "../components/class-names.ts";
import { Icon } from "../components/icon.tsx";
import { SearchInput } from "../components/input.tsx";
import { countOf, formatCount } from "../format/quantity.ts";
import { setLogDisplay, useLogDisplay } from "./log-display.ts";
import type { Search } from "./use-search.ts";

/** The tools of a log: search, jumps to errors and warnings, display settings, copy and download. */
export function LogToolbar({
  lines,
  query,
  search,
  current,
  errors,
  warnings,
  onQuery,
  onStep,
  onJump,
  children,
}: {
  lines: number;
  query: string;
  search: Search;
  /** The hit at which the reader is, from 0; -1: at none. */
  current: number;
  errors: number;
  warnings: number;
  onQuery: (query: string) => void;
  onStep: (step: 1 | -1) => void;
  onJump: (level: "error" | "warning") => void;
  /** Copy and raw. */
  children: ReactNode;
}) {
  const { wrap, times, tall } = useLogDisplay();
  const found = search.kind === "found" ? search.hits.lines.length : 0;
  const press = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Enter") {
      event.preventDefault();
      onStep(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && query !== "") {
      event.preventDefault();
      onQuery("");
    }
  };
  return (
    <div className="flex min-h-12 flex-wrap items-center gap-x-2 border-b border-border pr-3 pl-5 max-desk:py-2 max-desk:gap-y-2 max-phone:px-4">
      <h2 className="font-medium">Log</h2>
      <span className="text-small whitespace-nowrap text-faint tabular-nums">{countOf(lines, "line")}</span>
      <span className="ml-3 flex items-center gap-1 max-phone:order-1 max-phone:ml-0 max-phone:w-full">
        <SearchInput
          label="Search the log"
          placeholder="Search"
          value={query}
          maxLength={500}
          data-search=""
          onChange={(event) => onQuery(event.currentTarget.value)}
          onKeyDown={press}
          className="w-[260px] max-phone:w-auto max-phone:flex-1"
          end={
            <span role="status" className="text-label whitespace-nowrap tabular-nums">
              {placeOf(search, current)}
            </span>
          }
        />
        <IconButton icon={ChevronUp} label="Previous match" size="row" disabled={found === 0} onClick={() => onStep(-1)} />
        <IconButton icon={ChevronDown} label="Next match" size="row" disabled={found === 0} onClick={() => onStep(1)} />
      </span>
      <span className="flex-1 max-phone:hidden" />
      <span className="flex items-center gap-2 max-phone:ml-auto">
        {errors > 0 && (
          <Jump icon={CircleX} className="text-broken!" words={countOf(errors, "error")} onPress={() => onJump("error")} />
        )}
        {warnings > 0 && (
          <Jump
            icon={TriangleAlert}
            className="text-attention!"
            words={countOf(warnings, "warning")}
            onPress={() => onJump("warning")}
          />
        )}
      </span>
      {(errors > 0 || warnings > 0) && <span aria-hidden="true" className="mx-1 h-4 w-px bg-border-strong max-phone:hidden" />}
      <span className="flex gap-2 max-phone:order-2 max-phone:w-full max-phone:justify-between max-phone:gap-0">
        <Toggle icon={TextWrap} on={wrap} onPress={() => setLogDisplay({ wrap: !wrap })}>
          Wrap
        </Toggle>
        <span className="contents max-phone:hidden">
          <Toggle icon={Clock} on={times} onPress={() => setLogDisplay({ times: !times })}>
            Timestamps
          </Toggle>
          <Toggle icon={Maximize2} on={tall} onPress={() => setLogDisplay({ tall: !tall })}>
            Full height
          </Toggle>
        </span>
        {children}
      </span>
    </div>
  );
}

/** A link that saves the log as it was written. */
export function RawLink({ href, name }: { href: string; name: string }) {
  return (
    <a href={href} download={name} className={buttonClass({ variant: "ghost", size: "row" })}>
      <Icon of={Download} />
      Raw
    </a>
  );
}

function placeOf(search: Search, current: number): string {
  switch (search.kind) {
    case "none":
    case "searching":
      return "";
    case "failed":
      return "search failed";
    case "found": {
      const { lines, truncated } = search.hits;
      if (lines.length === 0) return "no matches";
      const of = `${formatCount(lines.length)}${truncated ? "+" : ""}`;
      return current < 0 ? of : `${formatCount(current + 1)} of ${of}`;
    }
  }
}

function Jump({ icon, words, className, onPress }: { icon: LucideIcon; words: string; className: string; onPress: () => void }) {
  return (
    <button
      type="button"
      aria-label={`${words}, go to the next one`}
      onClick={onPress}
      className={classNames(chipClass(false), className)}
    >
      <Icon of={icon} />
      {words}
    </button>
  );
}

function Toggle({ icon, on, onPress, children }: { icon: LucideIcon; on: boolean; onPress: () => void; children: string }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onPress}
      className={classNames(buttonClass({ variant: "ghost", size: "row" }), on && "bg-hover! text-text!")}
    >
      <Icon of={icon} />
      {children}
    </button>
  );
}
