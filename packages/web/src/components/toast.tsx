import { Toast } from "@base-ui/react/toast";
import type { Status } from "@nixfleet/protocol";
import { X } from "lucide-react";
import { buttonClass } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { StatusIcon } from "./status-icon.tsx";

interface ToastData {
  status: Status;
}

const manager = Toast.createToastManager<ToastData>();

/**
 * Says in the corner what has just happened and what follows from it, for 6 s; what is broken stays until it is put away. An error that
 * needs an act belongs into the page, not here.
 */
export function notify(toast: {
  status: Status;
  fact: string;
  follows?: string;
  action?: { label: string; press: () => void };
}): void {
  const id = manager.add({
    title: toast.fact,
    description: toast.follows,
    timeout: toast.status === "broken" ? 0 : 6_000,
    priority: toast.status === "broken" ? "high" : "low",
    data: { status: toast.status },
    ...(toast.action && {
      actionProps: {
        children: toast.action.label,
        onClick: () => {
          toast.action?.press();
          manager.close(id);
        },
      },
    }),
  });
}

/** Where toasts appear; stands once in the shell. */
export function ToastLayer() {
  return (
    <Toast.Provider toastManager={manager} limit={4}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-50 grid w-[440px] max-w-[calc(100vw-32px)] gap-3 max-phone:bottom-20">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  const { toasts } = Toast.useToastManager<ToastData>();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      className="rounded-l border border-border-strong bg-raised shadow-2 transition-[opacity,transform] duration-240 ease-calm data-ending-style:opacity-0 data-limited:hidden data-starting-style:translate-y-2 data-starting-style:opacity-0"
    >
      <Toast.Content className="flex items-center gap-3 py-2.5 pr-2 pl-4">
        <StatusIcon status={toast.data?.status ?? "unknown"} size={18} />
        <div className="min-w-0 flex-1">
          <Toast.Title render={<p />} className="font-medium" />
          <Toast.Description render={<p />} className="text-small text-muted" />
        </div>
        <Toast.Action className="text-small font-medium text-accent" />
        <Toast.Close aria-label="Close" className={buttonClass({ look: "ghost", size: "row", iconOnly: true })}>
          <Icon of={X} size={16} />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}
