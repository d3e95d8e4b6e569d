import { StatusIcon } from "../../components/status-icon.tsx";

/** What went wrong with a form. Its place is kept free, so that nothing moves when it comes. */
export function FaultLine({ children }: { children: string | undefined }) {
  return (
    <div role="alert" className="min-h-10 text-small">
      {children && (
        <p className="flex items-start gap-2 rounded-m bg-broken-soft px-3 py-2">
          <span className="grid h-5 place-items-center">
            <StatusIcon status="broken" size={16} />
          </span>
          <span className="min-w-0 wrap-anywhere">{children}</span>
        </p>
      )}
    </div>
  );
}
