import { join } from "node:path";
import { instantiate } from "./evaluate.ts";

/** A value of an option, or an expression that stands for one. */
type Shown = { readonly value: unknown } | { readonly expression: string };

interface Option {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly line: number;
  readonly default?: Shown;
  readonly example?: Shown;
}

const head = `# Options of the agent

Under \`services.nixfleet-agent\`, the same for NixOS, nix-darwin and Home Manager. How to install it: [install.md](install.md).

This page is made of modules/options.nix: \`tools/node/run node modules/write-options.ts\`.
`;

/** docs/options.md, as modules/options.nix has it now. Nix works below \`directory\`. */
export async function optionsPage(directory: string): Promise<string> {
  const file = join(import.meta.dirname, "options-page.nix");
  const text = await instantiate(directory, ["--eval", "--strict", "--json", "-E", `import ${JSON.stringify(file)} { }`]);
  const options = JSON.parse(text) as Option[];
  return [head, ...inOrder(options).map(section)].join("\n");
}

/** In the order of their file; the options of a list's items behind the list. */
function inOrder(options: readonly Option[]): Option[] {
  const byLine = (one: Option, other: Option) => one.line - other.line;
  const isOfItem = ({ name }: Option) => name.includes(".*.");
  return options
    .filter((option) => !isOfItem(option))
    .sort(byLine)
    .flatMap((option) => [option, ...options.filter(({ name }) => name.startsWith(`${option.name}.*.`)).sort(byLine)]);
}

function section({ name, type, description, ...option }: Option): string {
  const facts = [
    `- Type: ${type}`,
    option.default === undefined ? "- Required" : `- Default: ${shown(option.default)}`,
    ...(option.example === undefined ? [] : [`- Example: ${shown(option.example)}`]),
  ];
  const title = name.replace("services.nixfleet-agent.", "");
  return `## \`${title}\`\n\n${description.trim().replace(/\s*\n\s*/g, " ")}\n\n${facts.join("\n")}\n`;
}

function shown(value: Shown): string {
  return "expression" in value ? `\`${value.expression}\`` : `\`${nix(value.value)}\``;
}

/** A value in the Nix language. */
function nix(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[ ]" : `[ ${value.map(nix).join(" ")} ]`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, item]) => `${key} = ${nix(item)};`)
      .join(" ")} }`;
  }
  return typeof value === "string" ? JSON.stringify(value).replaceAll("${", "\\${") : String(value);
}
