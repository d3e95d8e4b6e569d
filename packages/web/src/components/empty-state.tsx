import type { ReactNode } from "react";
import { Icon, type LucideIcon } from "./icon.tsx";

/** An empty list or page: what is empty, why, and the one thing to do. */
export function EmptyState({
  icon,
  title,
  children,
  action,
}: {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="grid justify-items-center gap-1 rounded-l border border-dashed border-border-strong p-7 text-center">
      <Icon of={icon} size={24} className="mb-1 text-faint" />
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-140 text-small text-balance text-muted">{children}</div>}
      {action && <div className="mt-2.5">{action}</div>}
    </div>
  );
}
