/** A package of versions.json: how long it builds, how large it is, and what it needs. */
export interface PackageEntry {
  version: string;
  seconds: number;
  kib: number;
  needs: string[];
  /** Its build fails. */
  broken?: boolean;
}

export type PackageSet = Record<string, PackageEntry>;

/** One package a line, so that a change of versions is a diff worth reading. */
export function formatVersions(versions: PackageSet): string {
  const lines = Object.entries(versions).map(([name, entry]) => `  ${JSON.stringify(name)}: ${JSON.stringify(entry)}`);
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** The next version: its last number, one more. 9.1.1869 becomes 9.1.1870, 3.5a becomes 3.6a, 2.40-66 becomes 2.40-67. */
export function bumpVersion(version: string): string {
  return version.replace(/(\d+)(\D*)$/, (_, number: string, rest: string) => `${Number(number) + 1}${rest}`);
}

/** Pools from which an update takes: every host has something of each update, and libraries make more than one package new. */
const pools = [
  ["openssl", "zlib", "sqlite", "zstd", "curl", "pcre2"],
  ["git", "vim", "openssh", "nix", "htop"],
  ["nginx", "lego", "prometheus-node-exporter"],
  ["postgresql", "pgbouncer", "redis", "borgbackup", "pgbackrest"],
  ["fish", "neovim", "ripgrep", "firefox", "bat", "starship", "tmux"],
];

/** What the nth update of the demo holds. The kernel stays: a new one would need a reboot, which is no op yet. */
export function chooseUpdate(n: number): string[] {
  return pools.map((pool) => pool[n % pool.length] ?? "");
}
