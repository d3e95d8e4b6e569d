import { Dialog } from "@base-ui/react/dialog";
import { type HostRow, type OpName, opDeclaration } from "@nixfleet/protocol";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { CircleHelp, CirclePlay, History, Plus, Search, Server, UserRound } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { HostName } from "../components/host-name.tsx";
import { Icon, type LucideIcon } from "../components/icon.tsx";
import { StatusMark } from "../components/status-icon.tsx";
import { useHostRows } from "../live/use-live.ts";
import { useOps } from "../ops/ops-provider.tsx";
import { denialOf, MENU_OPS, opLabel, opStart } from "../ops/requests.ts";
import { type Entry, findEntries } from "./palette-entries.ts";
import { useSession } from "./session.ts";

const ITEM =
  "flex min-h-9 items-center gap-2.5 rounded-m px-2.5 text-small select-none data-[selected=true]:bg-hover data-[disabled=true]:text-faint max-phone:min-h-11";
const GROUP =
  "[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-label [&_[cmdk-group-heading]]:text-faint";

/** Finds hosts and pages, and starts ops: `csb`, `activity`, `pull csb1`. */
export default function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const rows = useHostRows();
  const { person } = useSession();
  const ops = useOps();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const entries = useMemo(() => entriesOf(rows ?? []), [rows]);
  const found = findEntries(entries, text, 30);
  const of = (kind: Entry<Found>["value"]["kind"]) => found.filter((entry) => entry.value.kind === kind);
  const run = (value: Found) => {
    onClose();
    switch (value.kind) {
      case "page":
        if (value.page === "help") onHelp();
        else void navigate({ to: value.page });
        break;
      case "host":
        void navigate({ to: "/hosts/$host", params: { host: value.row.name } });
        break;
      case "op":
        ops.start(opStart(value.op), [value.row]);
    }
  };
  const group = (heading: string, kind: Found["kind"]) => {
    const members = of(kind);
    if (members.length === 0) return null;
    return (
      <Command.Group heading={heading} className={GROUP}>
        {members.map(({ key, value }) => {
          const denied = value.kind === "op" ? denialOf(value.row, value.op, person.role) : undefined;
          return (
            <Command.Item key={key} value={key} disabled={denied !== undefined} onSelect={() => run(value)} className={ITEM}>
              {draw(value)}
              {denied && <span className="ml-auto truncate text-label text-faint">{denied}</span>}
            </Command.Item>
          );
        })}
      </Command.Group>
    );
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-scrim transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Dialog.Popup
          aria-label="Find or run anything"
          className="fixed top-[12vh] left-1/2 z-40 w-[600px] max-w-[calc(100vw-2*var(--gutter))] -translate-x-1/2 overflow-hidden rounded-l border border-border-strong bg-raised shadow-2 transition-opacity outline-none data-ending-style:opacity-0 data-starting-style:opacity-0 max-phone:top-4"
        >
          <Command shouldFilter={false} loop label="Find or run anything">
            <div className="flex h-12 items-center gap-2.5 border-b border-border px-4 text-faint">
              <Icon of={Search} size={16} />
              <Command.Input
                value={text}
                onValueChange={setText}
                placeholder="Host, page, or op, for example: pull csb1"
                className="h-full flex-1 bg-transparent text-text outline-none"
              />
            </div>
            <Command.List className="max-h-[min(420px,60vh)] overflow-y-auto p-1.5">
              <Command.Empty className="px-2.5 py-6 text-center text-small text-muted">No results.</Command.Empty>
              {group("Hosts", "host")}
              {group("Start", "op")}
              {group("Pages", "page")}
            </Command.List>
          </Command>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

type Found =
  | { kind: "page"; page: "/" | "/activity" | "/add-host" | "/account" | "help"; label: string; icon: LucideIcon }
  | { kind: "host"; row: HostRow }
  | { kind: "op"; op: OpName; row: HostRow };

const PAGES: readonly Extract<Found, { kind: "page" }>[] = [
  { kind: "page", page: "/", label: "Fleet", icon: Server },
  { kind: "page", page: "/activity", label: "Activity", icon: History },
  { kind: "page", page: "/add-host", label: "Add host", icon: Plus },
  { kind: "page", page: "/account", label: "Account", icon: UserRound },
  { kind: "page", page: "help", label: "Shortcuts and search", icon: CircleHelp },
];

function entriesOf(rows: readonly HostRow[]): readonly Entry<Found>[] {
  return [
    ...rows.map(
      (row): Entry<Found> => ({ key: row.id, words: `${row.name} ${row.tags.join(" ")}`, rank: 0, value: { kind: "host", row } }),
    ),
    ...PAGES.map((page): Entry<Found> => ({ key: page.page, words: page.label, rank: 0, value: page })),
    ...rows.flatMap((row) =>
      MENU_OPS.map(
        (op): Entry<Found> => ({
          key: `${op} ${row.id}`,
          words: `${opDeclaration(op).label} ${row.name}`,
          rank: 1,
          value: { kind: "op", op, row },
        }),
      ),
    ),
  ];
}

function draw(value: Found): ReactNode {
  switch (value.kind) {
    case "page":
      return (
        <>
          <Icon of={value.icon} size={16} className="text-muted" />
          {value.label}
        </>
      );
    case "host":
      return (
        <>
          <StatusMark status={value.row.status} />
          <HostName name={value.row.name} colour={value.row.color} />
          {value.row.cause && <span className="ml-auto truncate text-label text-faint">{value.row.cause.lead}</span>}
        </>
      );
    case "op":
      return (
        <>
          <Icon of={CirclePlay} size={16} className="text-muted" />
          <span className="font-medium">{opLabel(value.op)}</span>
          <HostName name={value.row.name} colour={value.row.color} />
        </>
      );
  }
}
