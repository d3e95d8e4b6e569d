import type { ReactNode } from "react";
import { Mark } from "../../shell/logo.tsx";

/** The frame of the pages before the sign-in: one card in the middle. */
export function SignInFrame({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh content-start justify-center px-(--gutter) pt-[18vh] pb-12 max-phone:pt-12">
      <div className="w-[360px] max-w-[calc(100vw-2*var(--gutter))]">
        <p className="flex items-center gap-2 pb-6 text-[15px] font-semibold tracking-[-.015em]">
          <Mark />
          NixFleet
        </p>
        <h1 className="text-title">{title}</h1>
        {lead && <div className="pt-1 text-small text-muted">{lead}</div>}
        <div className="pt-6">{children}</div>
      </div>
    </main>
  );
}
