import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";

/**
 * Reads a password: from a terminal one hidden line, after a prompt on `prompt`; from a pipe everything, without a trailing line
 * break.
 */
export async function readPassword(input: NodeJS.ReadStream, prompt: NodeJS.WritableStream): Promise<string> {
  if (!input.isTTY) return (await text(input)).replace(/\r?\n$/, "");
  prompt.write("Password: ");
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    prompt.write("\n");
  }
}
