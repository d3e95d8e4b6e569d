import { PLATFORM_TRAITS, type Platform } from "@nixfleet/protocol";
import { shellWord } from "../../log-viewer/shell-words.ts";

/** The new host, and the repository that it follows. */
export interface SetupInput {
  readonly name: string;
  readonly platform: Platform;
  /** Address of the dashboard. */
  readonly url: string;
  /** Null: the dashboard follows no config repository yet. */
  readonly repoUrl: string | null;
  readonly branch: string;
  /** Folder of the flake within the repository; empty: its root. */
  readonly flakeDir: string;
}

/** The steps on each machine that add a host to the fleet. */
export interface HostSetup {
  readonly file: { readonly path: string; readonly code: string };
  /** Store the token; the last one waits for it to be pasted. */
  readonly storeToken: readonly string[];
  readonly switchByHand: string;
  readonly runByHand: string;
  /** The user who runs the commands on the host. */
  readonly user: "root" | "user";
}

interface PlatformTools {
  /** The output of our flake that has the module. */
  readonly modules: string;
  readonly rebuild: string;
  /** The command that writes its standard input to a file that only its owner reads. */
  readonly storeToken: (path: string) => string;
}

const installFromPipe = (path: string) => `install -m 0600 /dev/stdin ${path}`;
/** Wherever BSD's install may be, which copies regular files only. */
const catPrivately = (path: string) => `(umask 077; cat > ${path})`;

const TOOLS = {
  nixos: { modules: "nixosModules", rebuild: "nixos-rebuild", storeToken: installFromPipe },
  darwin: { modules: "darwinModules", rebuild: "darwin-rebuild", storeToken: catPrivately },
  "home-manager": { modules: "homeModules", rebuild: "home-manager", storeToken: catPrivately },
} as const satisfies Record<Platform, PlatformTools>;

/** The placeholder for the config repository while the dashboard has none. */
export const EXAMPLE_REPO = "ssh://git@git.example.org/config.git";

export function hostSetup(input: SetupInput): HostSetup {
  const { name, platform, url } = input;
  const home = PLATFORM_TRAITS[platform].scope === "user";
  const tools = TOOLS[platform];
  // Without a name home-manager(1) takes the first of <user>@<host> and <user>, as the agent does.
  const attribute = home ? "" : `#${name}`;
  const repoUrl = input.repoUrl ?? EXAMPLE_REPO;
  const directory = home ? "~/.config/nixfleet" : "/etc/nixfleet";
  const tokenFile = home ? `"\${config.home.homeDirectory}/.config/nixfleet/token"` : nixString("/etc/nixfleet/token");
  const options: (readonly [name: string, value: string])[] = [
    ["enable", "true"],
    ["url", nixString(url)],
    ["tokenFile", tokenFile],
    ["repoUrl", nixString(repoUrl)],
    ...(input.branch === "main" ? [] : [["branch", nixString(input.branch)] as const]),
    ...(input.flakeDir === "" ? [] : [["flakeDir", nixString(input.flakeDir)] as const]),
  ];
  const width = Math.max(...options.map(([option]) => option.length));
  const code = [
    `{ ${home ? "config, " : ""}inputs, ... }:`,
    "{",
    `  imports = [ inputs.nixfleet.${tools.modules}.nixfleet-agent ];`,
    "",
    "  services.nixfleet-agent = {",
    ...options.map(([option, value]) => `    ${option.padEnd(width)} = ${value};`),
    "  };",
    "}",
    "",
  ].join("\n");
  return {
    file: { path: [input.flakeDir, "hosts", name, "nixfleet.nix"].filter((part) => part !== "").join("/"), code },
    storeToken: [`install -d -m 0700 ${directory}`, tools.storeToken(`${directory}/token`)],
    switchByHand: `${tools.rebuild} switch --flake ${shellWord(`${flakeRef(repoUrl, input.branch, input.flakeDir)}${attribute}`)}`,
    runByHand: [
      `NIXFLEET_URL=${shellWord(url)}`,
      `NIXFLEET_TOKEN_FILE=${directory}/token`,
      `NIXFLEET_REPO_URL=${shellWord(repoUrl)}`,
      ...(input.branch === "main" ? [] : [`NIXFLEET_BRANCH=${shellWord(input.branch)}`]),
      ...(input.flakeDir === "" ? [] : [`NIXFLEET_FLAKE_DIR=${shellWord(input.flakeDir)}`]),
      `NIXFLEET_HOSTNAME=${shellWord(name)}`,
      `NIXFLEET_PLATFORM=${platform}`,
      "nixfleet-agent run",
    ].join(" \\\n  "),
    user: home ? "user" : "root",
  };
}

/** A string of the Nix language (Nix manual, "String literal"). */
export function nixString(text: string): string {
  const escaped = text
    .replace(/["\\]|\$(?=\{)/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

/** A git repository as Nix names flakes (Nix manual, "Flake references"), from any form that git takes. */
export function flakeRef(repoUrl: string, branch: string, folder = ""): string {
  const short = /^([^/:@]+@)?([^/:]+):(?!\/\/)(.*)$/.exec(repoUrl);
  const url = repoUrl.startsWith("/")
    ? `git+file://${repoUrl}`
    : short
      ? `git+ssh://${short[1] ?? ""}${short[2]}/${short[3]?.replace(/^\//, "")}`
      : `git+${repoUrl}`;
  const query = [
    ...(branch === "main" ? [] : [`ref=${encodeURIComponent(branch)}`]),
    ...(folder === "" ? [] : [`dir=${encodeURIComponent(folder).replaceAll("%2F", "/")}`]),
  ];
  return query.length === 0 ? url : `${url}?${query.join("&")}`;
}

/** Whether an address leads every machine to itself, so that no other host can use it. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || hostname.startsWith("127.");
}
