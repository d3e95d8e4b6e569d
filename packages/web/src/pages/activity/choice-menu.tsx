import { Menu, MenuChoice } from "../../components/menu.tsx";
import type { MenuPlace } from "../../components/menu-button.tsx";

/** One of several values of a filter, or all of them. */
export default function ChoiceMenu({
  name,
  all,
  value,
  choices,
  onChoose,
  ...place
}: MenuPlace & {
  name: string;
  all: string;
  value: string | undefined;
  choices: readonly string[];
  onChoose: (value: string | undefined) => void;
}) {
  return (
    <Menu {...place} align="start">
      <MenuChoice
        label={name}
        value={value ?? ""}
        choices={[{ value: "", label: all }, ...choices.map((choice) => ({ value: choice, label: choice }))]}
        onChoose={(next) => onChoose(next === "" ? undefined : next)}
      />
    </Menu>
  );
}
