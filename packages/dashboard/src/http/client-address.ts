import { type BlockList, isIP } from "node:net";

/**
 * The address that a request comes from. `X-Forwarded-For` counts only if the peer is a trusted proxy; it is read from its end,
 * since its beginning is whatever the client wrote, up to the first address that is no trusted proxy (R52).
 */
export function clientAddress(peer: string | undefined, forwardedFor: string | null, trusted: BlockList | undefined): string {
  let address = plain(peer ?? "");
  if (trusted === undefined || forwardedFor === null) return address;
  for (const hop of forwardedFor.split(",").reverse()) {
    if (!isTrusted(address, trusted)) break;
    const next = plain(hop.trim());
    if (isIP(next) === 0) break;
    address = next;
  }
  return address;
}

/** An IPv4 address that came over an IPv6 socket is that IPv4 address. */
function plain(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  const family = isIP(address);
  return family !== 0 && trusted.check(address, family === 6 ? "ipv6" : "ipv4");
}
