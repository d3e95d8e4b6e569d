import { ChevronDown, ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { classNames } from "../components/class-names.ts";
import { Icon } from "../components/icon.tsx";
import { useIsPhone } from "../screen/use-media.ts";

/** Opens a fold, or closes it again. A line is 20 high; a finger gets 44, over the lines above and below. */
export function FoldButton({
  open,
  label,
  onPress,
  className,
  children,
}: {
  open: boolean;
  label?: string;
  onPress: () => void;
  className?: string;
  children?: ReactNode;
}) {
  const phone = useIsPhone();
  return (
    <button
      type="button"
      aria-expanded={open}
      aria-label={label}
      // Among touched lines it is no stop of its own; with keys it is one.
      tabIndex={phone ? -1 : 0}
      onClick={onPress}
      className={classNames(
        "relative flex items-center gap-1.5 text-muted hover:text-text max-phone:after:absolute max-phone:after:-inset-x-2 max-phone:after:-inset-y-3",
        className,
      )}
    >
      <Icon of={open ? ChevronDown : ChevronRight} />
      {children}
    </button>
  );
}
