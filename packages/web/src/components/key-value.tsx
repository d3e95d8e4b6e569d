import { Fragment, type ReactNode } from "react";

/** Facts by name. One that is not known is left out by the caller, never drawn as nothing. */
export function KeyValue({ entries }: { entries: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-6 text-small">
      {entries.map(([name, value]) => (
        <Fragment key={name}>
          <dt className="py-1.5 text-faint">{name}</dt>
          <dd className="min-w-0 py-1.5 wrap-anywhere">{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
