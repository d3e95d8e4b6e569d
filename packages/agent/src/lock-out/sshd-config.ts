/** What an `sshd_config` says about who can log in, and where. */
export interface SshServer {
  ports: readonly number[];
  /** Addresses without their ports; empty: all of the host. */
  addresses: readonly string[];
  /** Settings for everybody, by keyword in lower case, with the values of the first line that sets it, as sshd takes them. */
  settings: ReadonlyMap<string, readonly string[]>;
  /** Lines that are not read here: all from the first `Match` on, and `Include`. */
  custom: string;
}

/** Settings to which each line adds (sshd_config(5)); of all others the first line counts. */
const ADDED_UP = new Set(["allowusers", "denyusers", "allowgroups", "denygroups"]);

/** Reads an `sshd_config` (sshd_config(5)). Ports of a socket unit count instead of those in the file. */
export function parseSshdConfig(text: string, ofSocket?: readonly number[]): SshServer {
  const lines = text.split("\n").map((line) => line.trim());
  const match = lines.findIndex((line) => /^match[ \t=]/i.test(line));
  const settings = new Map<string, readonly string[]>();
  const custom = match < 0 ? [] : lines.slice(match).filter((line) => line !== "");
  const ports: number[] = [];
  const addresses: string[] = [];
  for (const line of match < 0 ? lines : lines.slice(0, match)) {
    const [, name = "", rest = ""] = /^(\w+)[ \t=]+(.*)$/s.exec(line) ?? [];
    const keyword = name === "" ? "" : canonical(name.toLowerCase());
    const values = rest.split(/[ \t]+/).map((word) => word.replace(/^"(.*)"$/, "$1"));
    if (keyword === "include") custom.push(line);
    else if (keyword === "port") ports.push(...portsOf(values));
    else if (keyword === "listenaddress") {
      const { address, port } = splitAddress(values[0] ?? "");
      if (!isWildcard(address)) addresses.push(address);
      if (port !== undefined) ports.push(port);
    } else if (ADDED_UP.has(keyword)) settings.set(keyword, [...(settings.get(keyword) ?? []), ...values]);
    else if (keyword !== "" && !settings.has(keyword)) settings.set(keyword, values);
  }
  const listens = ofSocket ?? (ports.length > 0 ? ports : [22]);
  return { ports: [...new Set(listens)], addresses: [...new Set(addresses)], settings, custom: custom.join("\n") };
}

/** The ports of `ListenStream=` in a socket unit (systemd.socket(5)): a port, or an address with one. */
export function socketPorts(unit: string): number[] {
  return unit.split("\n").flatMap((line) => {
    const value = /^ListenStream=(.+)$/.exec(line.trim())?.[1] ?? "";
    return portsOf([/^\d+$/.test(value) ? value : (/:(\d+)$/.exec(value)?.[1] ?? "")]);
  });
}

/** Older names of settings (readconf.c and servconf.c of OpenSSH). */
const OLDER = new Map([
  ["challengeresponseauthentication", "kbdinteractiveauthentication"],
  ["skeyauthentication", "kbdinteractiveauthentication"],
  ["dsaauthentication", "pubkeyauthentication"],
  ["pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"],
  ["authorizedkeysfile2", ""],
]);

function canonical(keyword: string): string {
  return OLDER.get(keyword) ?? keyword;
}

function portsOf(words: readonly string[]): number[] {
  return words.filter((word) => /^\d{1,5}$/.test(word)).map(Number);
}

/** `host`, `host:port`, `[address]:port`, or an address of IPv6 without a port. */
function splitAddress(text: string): { address: string; port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text);
  const plain = /^([^:]*)(?::(\d{1,5}))?$/.exec(text);
  const [, address = text, port] = bracketed ?? plain ?? [];
  return { address, port: port === undefined ? undefined : Number(port) };
}

function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::" || address === "*" || address === "";
}
