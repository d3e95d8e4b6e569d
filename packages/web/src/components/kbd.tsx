/** A key of the keyboard. */
export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-block min-w-[18px] rounded-s border border-border-strong bg-surface px-[5px] text-center font-sans text-key font-medium text-muted">
      {children}
    </kbd>
  );
}
