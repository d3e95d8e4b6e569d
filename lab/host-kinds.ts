/**
 * Of what age hosts are: whole Debian releases, since each brings a systemd, a Nix and a git that fit together. The lab runs on
 * `forky` where nothing else is said; `docs/versions.md` says which versions each has.
 */
export const HOST_KINDS = {
  /** The oldest Nix that the agent works with: one user's own, without a daemon, and with all features switched on. */
  bookworm: { nixDaemon: false, keepsBootId: false, isStable: true },
  /** Nix behind its daemon, as on every NixOS, with no feature switched on. */
  trixie: { nixDaemon: true, keepsBootId: true, isStable: true },
  forky: { nixDaemon: true, keepsBootId: true, isStable: false },
} as const satisfies Record<string, HostKindTraits>;

interface HostKindTraits {
  /** Builds belong to users of their own, and who is not root asks a daemon for them. */
  readonly nixDaemon: boolean;
  /**
   * systemd-nspawn gives each boot of a host a boot id of its own by a mount. Until 252 at least, ProtectKernelTunables= takes that
   * off again; since 257 at the latest it stays, and nothing can be mounted there any more (seen with 252, 257 and 262).
   */
  readonly keepsBootId: boolean;
  /** Whether the versions of its programs stay as they are. */
  readonly isStable: boolean;
}

/** The name of Debian's release. */
export type HostKind = keyof typeof HOST_KINDS;

export const HOST_KIND_NAMES = Object.keys(HOST_KINDS) as HostKind[];

export const DEFAULT_KIND: HostKind = "forky";
