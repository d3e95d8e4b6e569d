import { type ErrorComponentProps, useRouter } from "@tanstack/react-router";
import { Button } from "../components/button.tsx";
import { ProblemNotice } from "../components/problem-notice.tsx";
import { ProblemError, UnreachableError } from "../live/api.ts";
import { messageOf } from "../ops/message-of.ts";

/** Shown instead of a page that failed to render: why, and what to do. */
export function PageError({ error }: ErrorComponentProps) {
  const router = useRouter();
  const known = error instanceof ProblemError || error instanceof UnreachableError;
  const message = messageOf(error);
  return (
    <main className="mx-auto max-w-[640px] px-(--gutter) pt-24">
      <ProblemNotice
        title={error instanceof UnreachableError ? "The dashboard is not responding" : "Something went wrong"}
        next={
          error instanceof ProblemError
            ? error.problem.next
            : known
              ? message
              : "Reload the page. If it happens again, report the message above."
        }
        actions={
          <Button onClick={() => (known ? void router.invalidate() : location.reload())}>{known ? "Try again" : "Reload"}</Button>
        }
      >
        {error instanceof UnreachableError ? undefined : <p className="text-small wrap-anywhere">{message}</p>}
      </ProblemNotice>
    </main>
  );
}
