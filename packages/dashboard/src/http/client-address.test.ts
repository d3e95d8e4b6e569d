import { BlockList } from "node:net";
import { expect, test } from "vitest";
import { clientAddress } from "./client-address.ts";

const trusted = new BlockList();
trusted.addSubnet("10.0.0.0", 8, "ipv4");
trusted.addAddress("fd00::1", "ipv6");

test.for([
  ["192.0.2.1", "198.51.100.1", "192.0.2.1", "an untrusted header is ignored"],
  ["10.0.0.1", "198.51.100.1", "198.51.100.1", "a proxy's header does"],
  ["10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1", "what the client wrote before it does not"],
  ["10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", "a chain of proxies is followed"],
  ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", "also to a client in the proxies' network"],
  ["10.0.0.1", "unknown, 10.0.0.2", "10.0.0.2", "and ends at what is no address"],
  ["10.0.0.1", "", "10.0.0.1", "an empty header is none"],
  ["10.0.0.1", null, "10.0.0.1", "nor is a missing one"],
  ["::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", "IPv4 inside of IPv6 is IPv4"],
  ["fd00::1", "2001:db8::1", "2001:db8::1", "IPv6 proxies are proxies"],
  ["fd00::2", "2001:db8::1", "fd00::2", "their neighbours are not"],
] as const)("R52: from %s with X-Forwarded-For %s comes %s: %s", ([peer, header, address]) => {
  expect(clientAddress(peer, header, trusted)).toBe(address);
});

test("R52: without configured proxies the header never counts", () => {
  expect(clientAddress("127.0.0.1", "198.51.100.1", undefined)).toBe("127.0.0.1");
});
