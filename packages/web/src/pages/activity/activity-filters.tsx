import { useNavigate } from "@tanstack/react-router";
import { ChevronDown, Server, X } from "lucide-react";
import { lazy, type SubmitEvent, useId, useState } from "react";
import { Button } from "../../components/button.tsx";
import { chipClass } from "../../components/chip.tsx";
import { Icon } from "../../components/icon.tsx";
import { MenuButton } from "../../components/menu-button.tsx";
import type { ActivityFilter } from "./address.ts";

const ChoiceMenu = lazy(() => import("./choice-menu.tsx"));

/** Filters by person, action and host. The address holds the filter. */
export function ActivityFilters({
  filter,
  people,
  actions,
  hosts,
}: {
  filter: ActivityFilter;
  people: readonly string[];
  actions: readonly string[];
  hosts: readonly string[];
}) {
  const navigate = useNavigate();
  const set = (change: { [K in keyof ActivityFilter]?: string | undefined }) => {
    const { who, action, host } = { ...filter, ...change };
    void navigate({
      to: "/activity",
      search: { ...(who && { who }), ...(action && { action }), ...(host && { host }) },
      replace: true,
      resetScroll: false,
    });
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Choice name="Who" all="anyone" value={filter.who} choices={people} onChoose={(who) => set({ who })} />
      <Choice name="Action" all="any" value={filter.action} choices={actions} onChoose={(action) => set({ action })} />
      <HostInput key={filter.host ?? ""} value={filter.host} hosts={hosts} onChoose={(host) => set({ host })} />
      {(filter.who ?? filter.action ?? filter.host) !== undefined && (
        <Button variant="ghost" size="row" icon={X} onClick={() => set({ who: undefined, action: undefined, host: undefined })}>
          Clear
        </Button>
      )}
    </div>
  );
}

function Choice({
  name,
  all,
  value,
  choices,
  onChoose,
}: {
  name: string;
  all: string;
  value: string | undefined;
  choices: readonly string[];
  onChoose: (value: string | undefined) => void;
}) {
  const known = value === undefined || choices.includes(value) ? choices : [value, ...choices];
  return (
    <MenuButton
      trigger={
        <button type="button" className={chipClass(value !== undefined)}>
          {name}: {value ?? all}
          <Icon of={ChevronDown} />
        </button>
      }
      renderMenu={(place) => <ChoiceMenu {...place} name={name} all={all} value={value} choices={known} onChoose={onChoose} />}
    />
  );
}

/** Filters by host name. Suggests the hosts of the fleet; the name of a removed one can be typed. */
function HostInput({
  value,
  hosts,
  onChoose,
}: {
  value: string | undefined;
  hosts: readonly string[];
  onChoose: (value: string | undefined) => void;
}) {
  const id = useId();
  const [text, setText] = useState(value ?? "");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onChoose(text.trim() || undefined);
  };
  return (
    <form onSubmit={submit}>
      <label className={`${chipClass(value !== undefined)} focus-within:outline-2 focus-within:outline-accent-fill`}>
        <Icon of={Server} />
        <span className="sr-only">Host</span>
        <input
          list={id}
          value={text}
          placeholder="Any host"
          maxLength={80}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            const next = event.currentTarget.value;
            setText(next);
            // Chosen from the list, or emptied: there is nothing more to type.
            if (next === "" || hosts.includes(next)) onChoose(next || undefined);
          }}
          className="w-24 bg-transparent text-small outline-none max-phone:text-subject max-phone:font-normal"
        />
        <datalist id={id}>
          {hosts.map((host) => (
            <option key={host} value={host}>
              {host}
            </option>
          ))}
        </datalist>
      </label>
    </form>
  );
}
