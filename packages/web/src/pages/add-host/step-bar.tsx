import { Check } from "lucide-react";
import { classNames } from "../../components/class-names.ts";
import { Icon } from "../../components/icon.tsx";

export interface Step {
  readonly title: string;
  readonly note: string;
}

/** The steps of the page: done, current and to come. */
export function StepBar({ steps, at }: { steps: readonly Step[]; at: number }) {
  const current = steps[at];
  return (
    <div className="pb-6">
      <ol aria-label="Steps" className="grid max-w-[960px] grid-cols-3 gap-6 max-phone:gap-2">
        {steps.map(({ title, note }, index) => {
          const state = index < at ? "done" : index === at ? "current" : "to-come";
          return (
            <li
              key={title}
              aria-current={state === "current" ? "step" : undefined}
              className={classNames(
                "flex items-center gap-3 border-t-2 pt-3",
                state === "to-come" ? "border-border-strong text-muted" : "border-accent-fill",
              )}
            >
              <span
                aria-hidden="true"
                className={classNames(
                  "grid size-6 flex-none place-items-center rounded-full text-label font-semibold",
                  state === "done" && "bg-accent-soft text-accent",
                  state === "current" && "bg-accent-fill text-on-accent",
                  state === "to-come" && "border border-border-strong",
                )}
              >
                {state === "done" ? <Icon of={Check} /> : index + 1}
              </span>
              <span className="min-w-0 max-phone:sr-only">
                <span className="block truncate font-medium">{title}</span>
                <span className="block truncate text-label text-faint max-phone:hidden">{note}</span>
              </span>
            </li>
          );
        })}
      </ol>
      {current && (
        <p aria-hidden="true" className="pt-2.5 font-medium phone:hidden">
          {current.title}
        </p>
      )}
    </div>
  );
}
