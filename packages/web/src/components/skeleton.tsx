import { classNames } from "./class-names.ts";

/** A placeholder bar of the content's height, shown only after 300 ms. */
export function Skeleton({ className }: { className?: string }) {
  return (
    <span
      aria-hidden="true"
      className={classNames("block h-3 animate-appear rounded-s bg-border motion-reduce:opacity-100", className)}
    />
  );
}

/** Placeholder rows, announced to screen readers. */
export function SkeletonRows({ rows, label }: { rows: number; label: string }) {
  return (
    <div role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike and never change places.
        <div key={index} className="flex h-10 items-center gap-6 border-b border-border px-4 last:border-b-0">
          <Skeleton className="w-24" />
          <Skeleton className="w-40" />
          <Skeleton className="flex-1" />
          <Skeleton className="w-16" />
        </div>
      ))}
    </div>
  );
}
