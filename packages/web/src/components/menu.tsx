import { Menu as Base } from "@base-ui/react/menu";
import { Check } from "lucide-react";
import type { ReactElement, ReactNode } from "react";
import { classNames } from "./class-names.ts";
import { Icon, type LucideIcon } from "./icon.tsx";
import type { MenuPlace } from "./menu-button.tsx";

/** An open menu at its anchor, which gets the focus back. Its items are below. */
export function Menu({ anchor, onClose, align = "end", children }: MenuPlace & { align?: "start" | "end"; children: ReactNode }) {
  return (
    <Base.Root
      open
      modal={false}
      onOpenChange={(open, { reason, event }) => {
        // A press on the button that opened it is the button's to answer: closing here, its click would open the menu again.
        const onAnchor = reason === "outside-press" && event.target instanceof Node && anchor.contains(event.target);
        if (!open && !onAnchor) onClose();
      }}
    >
      <Base.Portal>
        <Base.Positioner anchor={anchor} align={align} sideOffset={4} collisionPadding={8} className="z-30">
          <Base.Popup
            finalFocus={() => (anchor instanceof HTMLElement ? anchor : null)}
            className="max-h-(--available-height) max-w-80 min-w-48 overflow-y-auto rounded-l border border-border-strong bg-raised p-1 shadow-2 outline-none transition-opacity data-starting-style:opacity-0"
          >
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

const ITEM =
  "flex min-h-8 w-full cursor-default items-center gap-2.5 rounded-m px-2.5 py-1 text-left text-small outline-none select-none data-highlighted:bg-hover max-phone:min-h-11";

/** One thing to do. `disabledReason` says why it cannot be done now, in the menu itself. */
export function MenuItem({
  icon,
  danger = false,
  disabledReason,
  hint,
  onSelect,
  children,
}: {
  icon?: LucideIcon;
  danger?: boolean;
  disabledReason?: string | undefined;
  hint?: string;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Base.Item
      className={classNames(ITEM, disabledReason ? "text-faint" : danger && "text-broken")}
      disabled={disabledReason !== undefined}
      onClick={onSelect}
    >
      {icon && <Icon of={icon} size={16} className={disabledReason || danger ? undefined : "text-muted"} />}
      <span className="min-w-0 flex-1">
        {children}
        {disabledReason && <span className="block text-label text-faint">{disabledReason}</span>}
      </span>
      {hint && <span className="text-label text-faint">{hint}</span>}
    </Base.Item>
  );
}

/** A link in a menu. */
export function MenuLink({ icon, render, children }: { icon?: LucideIcon; render: ReactElement; children: ReactNode }) {
  return (
    <Base.LinkItem className={ITEM} render={render} closeOnClick>
      {icon && <Icon of={icon} size={16} className="text-muted" />}
      <span className="min-w-0 flex-1">{children}</span>
    </Base.LinkItem>
  );
}

/** One choice of several. */
export function MenuChoice<T extends string>({
  label,
  value,
  choices,
  onChoose,
}: {
  label: string;
  value: T;
  choices: readonly { value: T; label: string }[];
  onChoose: (value: T) => void;
}) {
  return (
    <Base.RadioGroup value={value} onValueChange={(next) => onChoose(next as T)}>
      <Base.Group>
        <Base.GroupLabel className="px-2.5 pt-2 pb-1 text-label text-faint">{label}</Base.GroupLabel>
        {choices.map((choice) => (
          <Base.RadioItem key={choice.value} value={choice.value} className={ITEM} closeOnClick>
            <span className="grid w-4 place-items-center">
              <Base.RadioItemIndicator className="size-1.5 rounded-full bg-accent-fill" />
            </span>
            {choice.label}
          </Base.RadioItem>
        ))}
      </Base.Group>
    </Base.RadioGroup>
  );
}

/** Something that is on or off. The menu stays open, so that several can be set. */
export function MenuCheck({ checked, onChange, children }: { checked: boolean; onChange: () => void; children: ReactNode }) {
  return (
    <Base.CheckboxItem checked={checked} onCheckedChange={onChange} className={ITEM} closeOnClick={false}>
      <span className="grid w-4 place-items-center">
        <Base.CheckboxItemIndicator>
          <Icon of={Check} />
        </Base.CheckboxItemIndicator>
      </span>
      {children}
    </Base.CheckboxItem>
  );
}

export function MenuLine() {
  return <Base.Separator className="my-1 h-px bg-border" />;
}
