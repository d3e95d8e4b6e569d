import type { Preview } from "@nixfleet/protocol";
import { KeyRound, type LucideIcon, TriangleAlert } from "lucide-react";
import { type ReactNode, useId } from "react";
import { classNames } from "../../components/class-names.ts";
import { Icon } from "../../components/icon.tsx";

/** What a switch takes away of the ways into the host, each by name, and what of it cannot be told; with what either means. */
export function WaysIn({ preview, host }: { preview: Preview; host: string }) {
  const lost = takesAway(preview);
  const unclear = preview.lockOut?.unclear ?? [];
  if (lost.length + unclear.length === 0) return null;
  return (
    <div
      className={classNames(
        "grid gap-4 border-b border-border py-5",
        lost.length > 0 && unclear.length > 0 && "grid-cols-2 max-desk:grid-cols-1",
      )}
    >
      {lost.length > 0 && (
        <Part
          tone="broken"
          icon={KeyRound}
          title={`The switch takes away ways into ${host}`}
          sentences={lost}
          meaning={`${host} refuses this switch. Keep these in its configuration, push and preview again; or force the switch, if you want to lose them.`}
        />
      )}
      {unclear.length > 0 && (
        <Part
          tone="attention"
          icon={TriangleAlert}
          title="It cannot be told whether this locks somebody out"
          sentences={unclear}
          meaning={`${host} does not refuse a switch for this: check it before you switch.`}
        />
      )}
    </div>
  );
}

/** The ways into a host that a switch to a preview takes away, as sentences; it is refused unless it is forced. */
export function takesAway({ agent, lockOut }: Preview): readonly string[] {
  const missing = agent === "missing" ? ["The agent is removed: this dashboard cannot reach the host any more."] : [];
  return [...missing, ...(lockOut?.risks ?? [])];
}

const TONES = {
  broken: { box: "bg-broken-soft", mark: "text-broken" },
  attention: { box: "bg-attention-soft", mark: "text-attention" },
} as const;

function Part({
  tone,
  icon,
  title,
  sentences,
  meaning,
}: {
  tone: keyof typeof TONES;
  icon: LucideIcon;
  title: string;
  sentences: readonly string[];
  meaning: ReactNode;
}) {
  const id = useId();
  const { box, mark } = TONES[tone];
  return (
    <section aria-labelledby={id} className={`grid content-start gap-2 rounded-l px-4 py-3.5 ${box}`}>
      <h2 id={id} className="flex items-start gap-2 text-body font-semibold">
        <span className={`grid h-5 place-items-center ${mark}`}>
          <Icon of={icon} size={18} />
        </span>
        <span className="min-w-0 wrap-anywhere">{title}</span>
      </h2>
      <ul className="grid list-disc gap-1 pl-[42px] text-small">
        {sentences.map((sentence) => (
          <li key={sentence} className="wrap-anywhere">
            {sentence}
          </li>
        ))}
      </ul>
      <p className="pl-[26px] text-small wrap-anywhere">{meaning}</p>
    </section>
  );
}
