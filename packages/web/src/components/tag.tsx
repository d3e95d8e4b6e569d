/** A tag of a host. */
export function Tag({ children }: { children: string }) {
  return (
    <span className="inline-flex h-5 max-w-32 flex-none items-center rounded-s border border-border px-1.5 text-label whitespace-nowrap text-muted">
      <span className="truncate">{children}</span>
    </span>
  );
}
