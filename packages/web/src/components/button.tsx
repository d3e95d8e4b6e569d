import { LoaderCircle } from "lucide-react";
import type { ComponentProps, MouseEvent } from "react";
import { classNames } from "./class-names.ts";
import { Icon, type LucideIcon } from "./icon.tsx";
import { Tip } from "./tooltip.tsx";

export type ButtonVariant = "outline" | "ink" | "ghost" | "danger";
export type ButtonSize = "normal" | "row";

const VARIANTS = {
  outline: "border-border-strong bg-surface text-text shadow-1 hover:bg-hover [--edge:var(--border-strong)]",
  ink: "border-ink bg-ink text-on-ink shadow-1 hover:opacity-90 [--edge:var(--ink)]",
  ghost: "border-transparent bg-transparent text-muted hover:bg-hover hover:text-text",
  danger: "border-border-strong bg-surface text-broken shadow-1 hover:bg-hover [--edge:var(--border-strong)]",
} as const satisfies Record<ButtonVariant, string>;

const DISABLED = "border-border bg-transparent text-faint [--edge:var(--border)]";

/** The classes of a button, for a link that looks like one. */
export function buttonClass({
  variant = "outline",
  size = "normal",
  iconOnly = false,
  disabled = false,
}: {
  variant?: ButtonVariant;
  size?: ButtonSize;
  iconOnly?: boolean;
  disabled?: boolean;
} = {}): string {
  return classNames(
    "inline-flex flex-none items-center justify-center gap-1.5 rounded-m border align-middle text-small font-medium whitespace-nowrap select-none touch",
    "transition-[background-color,color,opacity]",
    size === "row" ? "h-7 compact:h-6" : "h-8",
    iconOnly ? (size === "row" ? "w-7 compact:w-6" : "w-8") : size === "row" ? "px-2.5 compact:px-2" : "px-3",
    disabled ? DISABLED : VARIANTS[variant],
  );
}

/**
 * A button. Dangerous ones have red words, never a red filling; a page has one in ink.
 *
 * `sent`: the click is on its way; the ring shows at once, the label stays, and further clicks do nothing.
 * `disabledReason`: why it cannot be pressed now. It keeps its focus, so that the reason can be read by everybody.
 */
export function Button({
  variant = "outline",
  size = "normal",
  icon,
  sent = false,
  disabledReason,
  className,
  children,
  onClick,
  ...rest
}: ComponentProps<"button"> & {
  variant?: ButtonVariant;
  size?: ButtonSize;
  icon?: LucideIcon | undefined;
  sent?: boolean;
  disabledReason?: string | undefined;
}) {
  const press = (event: MouseEvent<HTMLButtonElement>) => {
    if (sent || disabledReason) event.preventDefault();
    else onClick?.(event);
  };
  const button = (
    <button
      type="button"
      {...rest}
      onClick={press}
      aria-busy={sent || undefined}
      aria-disabled={sent || disabledReason !== undefined || undefined}
      className={classNames(buttonClass({ variant, size, disabled: disabledReason !== undefined }), className)}
    >
      {sent ? <Icon of={LoaderCircle} className="animate-turn" /> : icon ? <Icon of={icon} /> : undefined}
      {children}
      {disabledReason && <span className="sr-only">: {disabledReason}</span>}
    </button>
  );
  return <Tip text={disabledReason}>{button}</Tip>;
}

/** A button that is an icon alone: it has a name, which is also its tooltip. */
export function IconButton({
  icon,
  label,
  variant = "ghost",
  size = "normal",
  className,
  ...rest
}: Omit<ComponentProps<"button">, "children"> & { icon: LucideIcon; label: string; variant?: ButtonVariant; size?: ButtonSize }) {
  return (
    <Tip text={label}>
      <button
        type="button"
        {...rest}
        aria-label={label}
        className={classNames(buttonClass({ variant, size, iconOnly: true }), className)}
      >
        <Icon of={icon} size={16} />
      </button>
    </Tip>
  );
}
