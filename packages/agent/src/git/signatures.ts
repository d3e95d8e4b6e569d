import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Commit, shorten } from "@nixfleet/protocol";
import { describeEnd, type Exec, type ExecResult, type Git, succeeded } from "@nixfleet/runtime";

/** Who may sign commits: files of the host's own configuration. Without either, nobody may. */
export interface TrustedSigners {
  /** As ssh-keygen(1) has it under ALLOWED SIGNERS. */
  allowedSignersFile: string | undefined;
  /** OpenPGP public keys, armored or not. */
  openpgpKeysFile: string | undefined;
}

export interface SignatureDeps {
  exec: Exec;
  env: Readonly<Record<string, string | undefined>>;
  signers: TrustedSigners;
}

/**
 * Says why a commit is not signed by one of the signers; undefined: it is. The signature is git's to check (git-verify-commit(1)),
 * with nothing to trust but the two files: no key ring, no configuration, no trust database of anybody else's.
 */
export function createSignatureCheck({ exec, env, signers }: SignatureDeps) {
  return async (commit: Commit, git: Git): Promise<string | undefined> => {
    const object = await git(["cat-file", "commit", commit]);
    if (!succeeded(object)) return `The commit ${commit} cannot be read: ${firstLine(object) ?? describeEnd(object.end)}`;
    switch (signatureKind(object.stdout)) {
      case "none":
        return `The commit ${commit} is not signed.`;
      case "ssh":
        return signers.allowedSignersFile === undefined
          ? `The commit ${commit} is signed with an SSH key, and this host's configuration trusts none.`
          : distrustReason(
              commit,
              await git(["-c", `gpg.ssh.allowedSignersFile=${signers.allowedSignersFile}`, ...verify(commit)]),
            );
      case "openpgp":
        return signers.openpgpKeysFile === undefined
          ? `The commit ${commit} is signed with an OpenPGP key, and this host's configuration trusts none.`
          : withKeyRing({ exec, env, keys: signers.openpgpKeysFile }, async (home) =>
              distrustReason(commit, await git(verify(commit), { env: { GNUPGHOME: home } })),
            );
      case "other":
        return `The commit ${commit} is signed in a way that this agent does not know; SSH and OpenPGP signatures are known.`;
    }
  };
}

/** A key that expired or was revoked, or of which nothing is known, makes git fail here; so does a signature over other content. */
function verify(commit: Commit): string[] {
  const programs = ["gpg.program=gpg", "gpg.openpgp.program=gpg", "gpg.ssh.program=ssh-keygen", "gpg.x509.program=false"];
  return [...[...programs, "gpg.ssh.revocationFile="].flatMap((option) => ["-c", option]), "verify-commit", commit];
}

/** What kind of signature the header of a commit holds (gitformat-signature(5)). */
export function signatureKind(object: string): "none" | "ssh" | "openpgp" | "other" {
  const header = object.slice(0, object.indexOf("\n\n") + 1);
  const signature = /^gpgsig(?:-sha256)? (.*)$/m.exec(header)?.[1];
  if (signature === undefined) return "none";
  if (signature.startsWith("-----BEGIN SSH SIGNATURE-----")) return "ssh";
  return /^-----BEGIN PGP (SIGNATURE|MESSAGE)-----/.test(signature) ? "openpgp" : "other";
}

function distrustReason(commit: Commit, result: ExecResult): string | undefined {
  if (succeeded(result)) return undefined;
  const said = firstLine(result) ?? describeEnd(result.end);
  return shorten(`The commit ${commit} is not signed by a key that this host's configuration trusts: ${said}`, 2000);
}

function firstLine({ stderr }: ExecResult): string | undefined {
  return stderr.split("\n").find((line) => line.trim() !== "");
}

/** A key ring that holds the trusted keys and nothing else, for one question. */
async function withKeyRing(
  { exec, env, keys }: { exec: Exec; env: SignatureDeps["env"]; keys: string },
  ask: (home: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const home = await mkdtemp(join(tmpdir(), "nixfleet-keys-"));
  try {
    const argv: [string, ...string[]] = ["gpg", "--batch", "--no-autostart", "--homedir", home, "--import"];
    const { result } = exec({ argv, env: { PATH: env["PATH"] ?? "" }, stdin: await readFile(keys) });
    const imported = await result;
    if (succeeded(imported)) return await ask(home);
    const said = firstLine(imported) ?? describeEnd(imported.end);
    return shorten(`The trusted OpenPGP keys cannot be read, so no commit can be verified: ${said}`, 2000);
  } catch (error) {
    return shorten(`The trusted OpenPGP keys cannot be read, so no commit can be verified: ${(error as Error).message}`, 2000);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
