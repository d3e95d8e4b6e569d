import { HostName, type HostView, PLATFORM_LABELS, Platform } from "@nixfleet/protocol";
import { ArrowRight } from "lucide-react";
import { type SubmitEvent, useState } from "react";
import { Button } from "../../components/button.tsx";
import { classNames } from "../../components/class-names.ts";
import { Icon } from "../../components/icon.tsx";
import { Field } from "../../components/input.tsx";
import { ProblemError } from "../../live/api.ts";
import { useSend } from "../../live/use-send.ts";
import { messageOf } from "../../ops/message-of.ts";

const HELP = {
  nixos: "The whole machine, with nixos-rebuild.",
  darwin: "The whole Mac, with nix-darwin.",
  "home-manager": "One user’s home directory, on Linux or macOS.",
} as const satisfies Record<Platform, string>;

/** First step: the name and the platform of the host. */
export function NameStep({
  onName,
  onAdded,
}: {
  /** Called with the name on every change, for the step bar. */
  onName: (name: string) => void;
  onAdded: (host: HostView, token: string) => void;
}) {
  const [name, setName] = useState("");
  const [platform, setPlatform] = useState<Platform>("nixos");
  const [touched, setTouched] = useState(false);
  const [fault, setFault] = useState<string>();
  const [sent, setSent] = useState(false);
  const addHost = useSend("addHost");
  const wrong = faultOf(name);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setTouched(true);
    if (wrong !== undefined || sent) return;
    setSent(true);
    try {
      const added = await addHost({ body: { name, platform } });
      onAdded(added.host, added.token);
    } catch (error) {
      setFault(
        error instanceof ProblemError && error.problem.code === "name-taken"
          ? `${error.problem.title} ${error.problem.next}`
          : messageOf(error),
      );
      setSent(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="grid max-w-[960px] gap-6 border-t border-border pt-5">
      <div className="max-w-[464px]">
        <Field
          label="Name"
          mono
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form is what this page is for.
          autoFocus
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          name="name"
          value={name}
          maxLength={100}
          onChange={(event) => {
            const next = event.currentTarget.value.trim();
            setName(next);
            onName(faultOf(next) === undefined ? next : "");
            setFault(undefined);
          }}
          onBlur={() => setTouched(name !== "")}
          fault={fault ?? (touched ? wrong : undefined)}
          hint="The machine’s hostname without the domain. The flake must have a configuration with this name."
        />
      </div>
      <fieldset className="grid gap-1.5">
        <legend className="mb-1.5 text-small font-medium">Platform</legend>
        <div className="grid grid-cols-3 gap-3 max-desk:grid-cols-1">
          {Platform.options.map((option) => (
            <label
              key={option}
              className={classNames(
                "grid grid-cols-[16px_1fr] items-start gap-x-3 rounded-m border bg-surface px-4 py-3 transition-colors has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent-fill",
                option === platform ? "border-accent-fill bg-accent-soft" : "border-border hover:bg-hover",
              )}
            >
              <input
                type="radio"
                name="platform"
                value={option}
                checked={option === platform}
                onChange={() => setPlatform(option)}
                className="mt-0.5 size-4 flex-none appearance-none rounded-full border border-control bg-surface outline-none checked:border-5 checked:border-accent-fill"
              />
              <span className="font-medium">{PLATFORM_LABELS[option]}</span>
              <span className="col-start-2 text-small text-muted">{HELP[option]}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div className="flex items-center justify-end gap-4 border-t border-border pt-4">
        <span className="text-small text-muted max-phone:hidden">This does not change the machine yet.</span>
        <Button type="submit" variant="ink" sent={sent}>
          Add {name === "" || wrong !== undefined ? "host" : name}
          <Icon of={ArrowRight} />
        </Button>
      </div>
    </form>
  );
}

/** The error of a name, by the contract's schema. */
function faultOf(name: string): string | undefined {
  if (name === "") return "Enter a name.";
  const issue = HostName.safeParse(name).error?.issues[0];
  if (issue === undefined) return undefined;
  return issue.code === "too_big" ? "At most 63 characters." : `A name has ${issue.message}.`;
}
