import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Commit } from "@nixfleet/protocol";
import { createGit, describeEnd, exec, succeeded } from "@nixfleet/runtime";
import { createGitFixture, createTempDir, type GitFixture } from "@nixfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSignatureCheck, signatureKind, type TrustedSigners } from "./signatures.ts";

const env = { PATH: process.env["PATH"] ?? "" };

async function run(argv: [string, ...string[]], more: Record<string, string> = {}): Promise<string> {
  const result = await exec({ argv, env: { ...env, ...more } }).result;
  if (!succeeded(result)) throw new Error(`${argv.join(" ")}: ${describeEnd(result.end)}: ${result.stderr}`);
  return result.stdout.trim();
}

/** An SSH key without a passphrase, and the line that trusts it. */
async function makeSshKey(dir: string, name: string): Promise<{ key: string; trust: string }> {
  const key = join(dir, name);
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key]);
  const [type, text] = (await readFile(`${key}.pub`, "utf8")).split(" ");
  return { key, trust: `${name}@fleet.example namespaces="git" ${type} ${text}\n` };
}

let dir: string;
let home: string;
let temp: AsyncDisposable;
let origin: GitFixture;
let trusted: { key: string; trust: string };
let untrusted: { key: string; trust: string };
const signers: TrustedSigners = { allowedSignersFile: undefined, openpgpKeysFile: undefined };

beforeAll(async () => {
  const made = await createTempDir("nixfleet-signatures-");
  temp = made;
  dir = made.path;
  origin = await createGitFixture();
  trusted = await makeSshKey(dir, "ada");
  untrusted = await makeSshKey(dir, "eve");
  signers.allowedSignersFile = join(dir, "allowed-signers");
  await writeFile(signers.allowedSignersFile, trusted.trust);
  home = join(dir, "gnupg");
  await mkdir(home, { mode: 0o700 });
  await chmod(home, 0o700);
  for (const name of ["ada", "eve"]) {
    const user = `${name}@fleet.example`;
    await run(["gpg", "--batch", "--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never"], {
      GNUPGHOME: home,
    });
  }
  signers.openpgpKeysFile = join(dir, "keys.asc");
  await run(["gpg", "--batch", "--armor", "--output", signers.openpgpKeysFile, "--export", "ada@fleet.example"], {
    GNUPGHOME: home,
  });
});

afterAll(async () => {
  await run(["gpgconf", "--kill", "all"], { GNUPGHOME: home });
  await origin[Symbol.asyncDispose]();
  await temp[Symbol.asyncDispose]();
});

async function commitSigned(...options: string[]): Promise<Commit> {
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@fleet.example"];
  await run(["git", "-C", origin.workTree, ...identity, ...options, "commit", "--quiet", "--allow-empty", "-S", "-m", "signed"], {
    GNUPGHOME: home,
    HOME: "/var/empty",
  });
  return await origin.head();
}

const bySsh = (key: string) => commitSigned("-c", "gpg.format=ssh", "-c", `user.signingKey=${key}`);
const byOpenpgp = (name: string) => commitSigned("-c", `user.signingKey=${name}@fleet.example`);

async function check(commit: Commit, trust: TrustedSigners = signers): Promise<string | undefined> {
  const git = createGit({ exec, env: process.env });
  const inWorkTree: typeof git = (args, request) => git(args, { cwd: origin.workTree, ...request });
  return createSignatureCheck({ exec, env, signers: trust })(commit, inWorkTree);
}

test("R56: a commit signed by a trusted SSH key is taken; one of an untrusted key is not", async () => {
  expect(await check(await bySsh(trusted.key))).toBeUndefined();
  expect(await check(await bySsh(untrusted.key))).toMatch(/is not signed by a key that this host's configuration trusts/);
});

test("R56: a commit signed by a trusted OpenPGP key is taken; one of an untrusted key is not, though the user's own key ring has it", async () => {
  expect(await check(await byOpenpgp("ada"))).toBeUndefined();
  expect(await check(await byOpenpgp("eve"))).toMatch(/is not signed by a key that this host's configuration trusts/);
});

test("R56: a commit without a signature, or with the signature of another commit, is not taken", async () => {
  const plain = await origin.commitLocally("plain", { a: "1" });
  expect(await check(plain)).toBe(`The commit ${plain} is not signed.`);

  const signed = await bySsh(trusted.key);
  const object = await origin.git("cat-file", "commit", signed);
  const forged = join(dir, "forged");
  await writeFile(forged, `${object.replace("\n\nsigned", "\n\nsomething else")}\n`);
  const commit = await origin.git("hash-object", "-t", "commit", "-w", forged);
  expect(await check(commit)).toMatch(/is not signed by a key that this host's configuration trusts/);
});

test("R56: a kind of key for which nobody is trusted is refused, and so is everything when the keys cannot be read", async () => {
  const nobody: TrustedSigners = { allowedSignersFile: undefined, openpgpKeysFile: undefined };
  expect(await check(await bySsh(trusted.key), nobody)).toMatch(
    /signed with an SSH key, and this host's configuration trusts none/,
  );
  const commit = await byOpenpgp("ada");
  expect(await check(commit, nobody)).toMatch(/signed with an OpenPGP key, and this host's configuration trusts none/);
  const missing = join(dir, "missing");
  expect(await check(commit, { ...signers, openpgpKeysFile: missing })).toMatch(/trusted OpenPGP keys cannot be read/);
  expect(await check(await bySsh(trusted.key), { ...signers, allowedSignersFile: missing })).toMatch(/is not signed by a key/);
});

test("the kind of a signature is that of the commit's header, never of its message", () => {
  const body = "\n\nmessage\ngpgsig -----BEGIN SSH SIGNATURE-----\n";
  expect(signatureKind(`tree a\nauthor x${body}`)).toBe("none");
  expect(signatureKind(`tree a\ngpgsig -----BEGIN SSH SIGNATURE-----\n abc${body}`)).toBe("ssh");
  expect(signatureKind(`tree a\ngpgsig-sha256 -----BEGIN PGP SIGNATURE-----\n abc${body}`)).toBe("openpgp");
  expect(signatureKind(`tree a\ngpgsig -----BEGIN SIGNED MESSAGE-----\n abc${body}`)).toBe("other");
});
