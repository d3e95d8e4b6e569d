import { PLATFORM_LABELS, Platform } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import {
  ArrowDownWideNarrow,
  Columns3,
  Group as GroupIcon,
  type LucideIcon,
  Rows2,
  Rows4,
  SlidersHorizontal,
  SquareCheck,
} from "lucide-react";
import { lazy, memo, type ReactElement, useEffect, useEffectEvent, useRef, useState } from "react";
import { Button } from "../../components/button.tsx";
import { chipClass } from "../../components/chip.tsx";
import { classNames } from "../../components/class-names.ts";
import { Icon } from "../../components/icon.tsx";
import { SearchInput } from "../../components/input.tsx";
import { Kbd } from "../../components/kbd.tsx";
import { MenuButton } from "../../components/menu-button.tsx";
import { Tip } from "../../components/tooltip.tsx";
import type { FleetSummary } from "./groups-of-status.ts";
import { SORT_LABELS } from "./order.ts";
import { useSetView } from "./set-view.ts";
import { DENSITIES, type FleetSearch, type FleetView, GROUPING_LABELS } from "./view.ts";

const ViewMenu = lazy(() => import("./view-menu.tsx"));

interface ToolsProps {
  readonly summary: FleetSummary;
  readonly view: FleetView;
  readonly faults: readonly string[];
}

/** Searching, filtering and arranging the list. */
export const FleetTools = memo(function FleetTools({ summary, view, faults }: ToolsProps) {
  const setView = useSetView();
  const platforms = Platform.options.filter((platform) => summary.platforms[platform] > 0);
  return (
    <div className="pt-6 pb-3 max-phone:hidden">
      <div className="flex flex-wrap items-center gap-2">
        <SearchBox
          q={view.q}
          onSearch={(q) => setView({ q })}
          className="min-w-52 max-w-80 flex-1 max-desk:max-w-none max-desk:basis-full"
        />
        <FilterChip label={`All ${summary.total}`} on={!view.show && !view.platform} change={{}} />
        <FilterChip
          label={`Needs attention ${summary.groups.attention}`}
          on={view.show === "attention"}
          change={{ show: "attention" }}
        />
        {platforms.length > 1 &&
          platforms.map((platform) => (
            <FilterChip
              key={platform}
              label={`${PLATFORM_LABELS[platform]} ${summary.platforms[platform]}`}
              on={view.platform === platform}
              change={{ platform }}
            />
          ))}
        <span className="ml-auto flex items-center gap-2">
          <MenuButton
            trigger={<ToolButton icon={ArrowDownWideNarrow} label={SORT_LABELS[view.sort]} />}
            renderMenu={(place) => <ViewMenu {...place} parts={["order"]} view={view} setView={setView} />}
          />
          <MenuButton
            trigger={<ToolButton icon={GroupIcon} label={view.group === "none" ? "Group" : GROUPING_LABELS[view.group]} />}
            renderMenu={(place) => <ViewMenu {...place} parts={["groups"]} view={view} setView={setView} />}
          />
          <MenuButton
            trigger={<ToolButton icon={Columns3} label="Columns" />}
            renderMenu={(place) => <ViewMenu {...place} parts={["columns"]} view={view} setView={setView} />}
          />
          <fieldset className="inline-flex h-7 overflow-hidden rounded-m border border-border bg-surface">
            <legend className="sr-only">Density</legend>
            {DENSITIES.map((density) => (
              <Tip key={density} text={density === "compact" ? "Compact" : "Comfortable"}>
                <button
                  type="button"
                  aria-pressed={view.density === density}
                  aria-label={density === "compact" ? "Compact" : "Comfortable"}
                  onClick={() => setView({ density })}
                  className={classNames(
                    "grid w-[30px] place-items-center focus-visible:-outline-offset-2",
                    view.density === density ? "bg-hover text-text" : "text-faint hover:text-text",
                  )}
                >
                  <Icon of={density === "compact" ? Rows4 : Rows2} size={16} />
                </button>
              </Tip>
            ))}
          </fieldset>
        </span>
      </div>
      <Faults faults={faults} />
    </div>
  );
});

/** The same on a phone: a search box, and one button for the rest. */
export const FleetToolsPhone = memo(function FleetToolsPhone({
  view,
  faults,
  selecting,
  onSelecting,
}: Omit<ToolsProps, "summary"> & { selecting: boolean; onSelecting: (selecting: boolean) => void }) {
  const setView = useSetView();
  return (
    <div className="pb-2">
      <div className="flex h-11 items-center gap-2">
        <h2 className="font-semibold tracking-name">Hosts</h2>
        <span className="text-small text-faint">{SORT_LABELS[view.sort].toLowerCase()}</span>
        <span className="flex-1" />
        <Button variant="ghost" icon={SquareCheck} aria-pressed={selecting} onClick={() => onSelecting(!selecting)}>
          Select
        </Button>
        <MenuButton
          trigger={
            <Button variant="ghost" icon={SlidersHorizontal}>
              View
            </Button>
          }
          renderMenu={(place) => <ViewMenu {...place} parts={["order", "groups"]} view={view} setView={setView} />}
        />
      </div>
      <SearchBox q={view.q} onSearch={(q) => setView({ q })} />
      <Faults faults={faults} />
    </div>
  );
});

function ToolButton({ icon, label, ...rest }: { icon: LucideIcon; label: string } & Record<string, unknown>): ReactElement {
  return (
    <Button variant="ghost" size="row" icon={icon} {...rest}>
      {label}
    </Button>
  );
}

function FilterChip({ label, on, change }: { label: string; on: boolean; change: FleetSearch }) {
  return (
    <Link
      to="/"
      search={({ show: _show, platform: _platform, ...others }) => (on ? others : { ...others, ...change })}
      replace
      resetScroll={false}
      activeProps={{}}
      aria-current={on ? "true" : undefined}
      className={chipClass(on)}
    >
      {label}
    </Link>
  );
}

/** Keeps what is typed at once and puts it into the address a little later, so that typing never waits for a list. */
function SearchBox({ q, onSearch, className }: { q: string; onSearch: (q: string) => void; className?: string }) {
  const [text, setText] = useState(q);
  const latest = useRef(q);
  useEffect(() => {
    // The address changed otherwise: a link, the way back, a cleared search.
    if (q !== latest.current) {
      latest.current = q;
      setText(q);
    }
  }, [q]);
  const search = useEffectEvent(() => {
    latest.current = text;
    onSearch(text);
  });
  useEffect(() => {
    if (text === latest.current) return;
    const timer = setTimeout(search, 120);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <SearchInput
      data-search=""
      label="Search hosts"
      placeholder="Search, or tag:web behind:>0"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        if (text === "") event.currentTarget.blur();
        else setText("");
      }}
      end={
        <span className="max-phone:hidden">
          <Kbd>/</Kbd>
        </span>
      }
      {...(className && { className })}
    />
  );
}

function Faults({ faults }: { faults: readonly string[] }) {
  if (faults.length === 0) return null;
  return (
    <p role="status" className="pt-2 text-small text-attention">
      {faults.join(" ")}
    </p>
  );
}
