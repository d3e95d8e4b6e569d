import { isIPv6 } from "node:net";

/** How fast one account or one address may guess. */
export interface LimitRule {
  /** Failed attempts allowed before the first delay. */
  readonly free: number;
  /** Milliseconds of the first delay; each further failure doubles it. */
  readonly firstDelay: number;
  /** Maximum delay in milliseconds: nobody is locked out for good. */
  readonly longestDelay: number;
}

export interface LoginLimitsDeps {
  /** Milliseconds. */
  now(): number;
  readonly account?: LimitRule;
  readonly address?: LimitRule;
  /** Maximum number of remembered accounts, and of addresses. */
  readonly maxEntries?: number;
}

export type Attempt =
  /**
   * Allowed. Counts as failed until `succeeded` is called, so that a burst cannot outrun the count, or `withdrawn`: nothing was tried,
   * as the dashboard is busy. `known`: the account has signed in from this network before.
   */
  | { ok: true; known: boolean; succeeded(): void; withdrawn(): void }
  /** Seconds, rounded up. */
  | { ok: false; retryAfter: number };

export interface LoginLimits {
  /** `account` null: only the address is counted. */
  begin(account: string | null, address: string): Attempt;
  /** Entries that are remembered now, of all kinds. */
  size(): number;
}

const second = 1000;
const minute = 60 * second;
/** A failure is forgotten after this long without another one. */
const MEMORY = 60 * minute;

/** Short for accounts, since an attacker can fail on purpose to lock the owner out; long for addresses. */
const ACCOUNT_RULE: LimitRule = { free: 5, firstDelay: second, longestDelay: minute };
const ADDRESS_RULE: LimitRule = { free: 20, firstDelay: second, longestDelay: 15 * minute };
/** A /48 of IPv6 is what one customer gets: 65,536 networks to guess from. */
const SITE_RULE: LimitRule = { free: 100, firstDelay: second, longestDelay: 15 * minute };

/** Counts failed sign-ins per account and per address, each with growing delays, in bounded memory (R52). */
export function createLoginLimits({
  now,
  account: accountRule = ACCOUNT_RULE,
  address: addressRule = ADDRESS_RULE,
  maxEntries = 10_000,
}: LoginLimitsDeps): LoginLimits {
  const accounts = createCounter(accountRule, maxEntries, now);
  const addresses = createCounter(addressRule, maxEntries, now);
  const sites = createCounter(SITE_RULE, maxEntries, now);
  // Addresses that an account has signed in from are counted separately, so that attackers cannot lock its owner out.
  const known = new Set<string>();
  return {
    begin(account, address) {
      const network = networkOf(address);
      const site = siteOf(network);
      const name = account === null ? null : account.trim().normalize("NFKC").toLowerCase();
      const pair = name === null ? null : `${name}\0${network}`;
      const accountKey = pair !== null && known.has(pair) ? pair : name;
      const isKnown = pair !== null && accountKey === pair;
      const wait = Math.max(
        accountKey === null ? 0 : accounts.wait(accountKey),
        addresses.wait(network),
        // Whoever has signed in from here before does not wait for their neighbours.
        site === null || isKnown ? 0 : sites.wait(site),
      );
      if (wait > 0) return { ok: false, retryAfter: Math.ceil(wait / second) };
      if (accountKey !== null) accounts.count(accountKey);
      addresses.count(network);
      if (site !== null) sites.count(site);
      const uncountAddress = () => {
        addresses.uncount(network);
        if (site !== null) sites.uncount(site);
      };
      return {
        ok: true,
        known: isKnown,
        withdrawn() {
          if (accountKey !== null) accounts.uncount(accountKey);
          uncountAddress();
        },
        succeeded() {
          if (accountKey !== null) accounts.forget(accountKey);
          if (pair !== null) {
            known.delete(pair);
            known.add(pair);
            forgetOldest(known, maxEntries);
          }
          // Uncount only this attempt: an own account must not reset the limit for guessing at others.
          uncountAddress();
        },
      };
    },
    size: () => accounts.size() + addresses.size() + sites.size() + known.size,
  };
}

function createCounter(rule: LimitRule, maxEntries: number, now: () => number) {
  // Ordered by last failure, so that the first entry is dropped first.
  const entries = new Map<string, { failures: number; last: number }>();
  const find = (key: string) => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (now() - entry.last < MEMORY) return entry;
    entries.delete(key);
    return undefined;
  };
  return {
    wait(key: string): number {
      const entry = find(key);
      if (entry === undefined || entry.failures < rule.free) return 0;
      const delay = Math.min(rule.firstDelay * 2 ** (entry.failures - rule.free), rule.longestDelay);
      return Math.max(0, entry.last + delay - now());
    },
    count(key: string): void {
      const failures = (find(key)?.failures ?? 0) + 1;
      entries.delete(key);
      entries.set(key, { failures, last: now() });
      forgetOldest(entries, maxEntries);
    },
    uncount(key: string): void {
      const entry = find(key);
      if (entry === undefined) return;
      entry.failures -= 1;
      if (entry.failures <= 0) entries.delete(key);
    },
    forget: (key: string) => entries.delete(key),
    size: () => entries.size,
  };
}

/** Drops the oldest entries until at most `limit` are left. */
function forgetOldest(entries: Set<string> | Map<string, unknown>, limit: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= limit) return;
    entries.delete(key);
  }
}

/** The /48 that a network of IPv6 is in; null: it is an address of IPv4. */
function siteOf(network: string): string | null {
  return network.endsWith("::/64") ? `${network.split(":").slice(0, 3).join(":")}::/48` : null;
}

/** An IPv4 address, or the /64 of an IPv6 address, which usually belongs to one client. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
