import { StatusLine } from "../../components/status-line.tsx";

/** The error of a form. Its space is reserved, so that nothing moves when it appears. */
export function FormError({ children }: { children: string | undefined }) {
  return (
    <div role="alert" className="min-h-10">
      {children && (
        <StatusLine status="broken" className="rounded-m bg-broken-soft px-3 py-2">
          {children}
        </StatusLine>
      )}
    </div>
  );
}
