import { argon2, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { writeAtomic } from "@nixfleet/runtime";
import * as z from "zod";
import type { Places } from "./places.ts";

const memorySchema = z.object({
  /** Where all of this is: repositories and stores name each other by path, so it cannot be moved. */
  root: z.string(),
  administrator: z.object({ name: z.string(), password: z.string(), hash: z.string() }),
  port: z.number(),
  /** Who builds. A store of the stand-in is none for Nix, and the other way round. */
  builder: z.enum(["nix", "stand-in"]),
});

/** What the demo keeps from one start to the next. */
export type Memory = z.infer<typeof memorySchema>;

/** Reads what an earlier start wrote, or makes it: a random password, and the wanted port or a free one if that is taken. */
export async function openMemory(places: Places, port: number | undefined, builder: Memory["builder"]): Promise<Memory> {
  const kept = existsSync(places.memory) ? memorySchema.parse(JSON.parse(readFileSync(places.memory, "utf8"))) : undefined;
  if (kept !== undefined && kept.root !== places.root) {
    throw new Error(`The demo was made in ${kept.root} and cannot be moved: remove ${places.root} (make clean) and start again.`);
  }
  const wanted = port ?? kept?.port ?? 8000;
  const memory = {
    root: places.root,
    administrator: kept?.administrator ?? (await createAdministrator()),
    port: await findPort(wanted),
    builder: kept?.builder ?? builder,
  };
  await writeAtomic(places.memory, `${JSON.stringify(memory, null, 2)}\n`);
  return memory;
}

async function createAdministrator(): Promise<Memory["administrator"]> {
  // Without the letters that are taken for others: 12 of 30 are 58 bits.
  const letters = "abcdefghjkmnpqrstuvwxyz2345679";
  const words = Array.from({ length: 3 }, () => [...randomBytes(4)].map((byte) => letters[byte % letters.length]).join(""));
  const password = words.join("-");
  return { name: "admin", password, hash: await hashPassword(password) };
}

/** A PHC string of argon2id, as NIXFLEET_ADMIN_PASSWORD_HASH takes it. */
async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const cost = { memory: 19_456, passes: 2, parallelism: 1 };
  const hash = await promisify(argon2)("argon2id", { message: password, nonce, tagLength: 32, ...cost });
  const text = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${text(nonce)}$${text(hash)}`;
}

/** That port of loopback, or a free one if it is taken. */
export async function findPort(wanted: number): Promise<number> {
  return (await listenOnce(wanted)) ?? (await listenOnce(0)) ?? wanted;
}

/** Listens for a moment, and says on which port; undefined if that is not possible. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : undefined));
    });
  });
}
