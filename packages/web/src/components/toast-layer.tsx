import { Toast } from "@base-ui/react/toast";
import type { Status } from "@nixfleet/protocol";
import { X } from "lucide-react";
import { useEffect, useEffectEvent } from "react";
import { buttonClass } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { StatusIcon } from "./status-icon.tsx";
import { type ToastMessage, useToastQueue } from "./toast.tsx";

interface ToastData {
  status: Status;
}

/** Draws toasts. Rendered once, in the frame. */
export default function ToastLayer() {
  return (
    <Toast.Provider limit={4}>
      <Queue />
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-50 grid w-[440px] max-w-[calc(100vw-32px)] gap-3 max-phone:bottom-20">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

/** Shows the messages in the queue, including those from before this module was loaded. */
function Queue() {
  const { add, close } = Toast.useToastManager<ToastData>();
  const waiting = useToastQueue((queue) => queue.waiting);
  const show = useEffectEvent((message: ToastMessage) => {
    const id = add({
      title: message.title,
      description: message.detail,
      timeout: message.status === "broken" || message.status === "attention" ? 0 : 6_000,
      // A toast of high priority is hidden from assistive technology until it has the focus, and its buttons with it.
      priority: "low",
      data: { status: message.status },
      ...(message.action && {
        actionProps: {
          children: message.action.label,
          onClick: () => {
            message.action?.press();
            close(id);
          },
        },
      }),
    });
  });
  useEffect(() => {
    // React may run this effect twice for one state: a message is shown once.
    if (waiting.length === 0 || useToastQueue.getState().waiting !== waiting) return;
    useToastQueue.setState({ waiting: [] });
    for (const message of waiting) show(message);
  }, [waiting]);
  return null;
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
          <Toast.Description render={<p />} className="text-small text-muted wrap-anywhere" />
        </div>
        <Toast.Action className="rounded-s text-small font-medium text-accent max-phone:min-h-11 max-phone:min-w-11" />
        <Toast.Close
          aria-label="Close"
          aria-hidden={false}
          className={buttonClass({ variant: "ghost", size: "row", iconOnly: true })}
        >
          <Icon of={X} size={16} />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}
