import type { ReactNode } from "react";
import { CopyButton } from "../../components/copy-button.tsx";
import { Icon, type LucideIcon } from "../../components/icon.tsx";

/** One step: its number, the machine, its purpose, and what to copy. */
export function SetupBlock({
  number,
  icon,
  where,
  copy,
  why,
  children,
}: {
  number: number;
  icon: LucideIcon;
  where: string;
  copy: string;
  why: ReactNode;
  children: ReactNode;
}) {
  return (
    <section aria-label={`${number}. ${where}`} className="border-t border-border pt-4 pb-5">
      <div className="mb-3 flex items-start gap-3">
        <span
          aria-hidden="true"
          className="grid size-6 flex-none place-items-center rounded-s bg-unknown-soft text-small font-semibold text-muted"
        >
          {number}
        </span>
        <div className="min-w-0 flex-1">
          <h2 className="flex items-center gap-2 leading-6 font-semibold tracking-name">
            <Icon of={icon} size={16} className="text-muted" />
            {where}
          </h2>
          <p className="text-small text-muted">{why}</p>
        </div>
        <CopyButton text={copy} label="Copy" size="row" variant="outline" />
      </div>
      <div className="pl-9 max-phone:pl-0">{children}</div>
    </section>
  );
}
