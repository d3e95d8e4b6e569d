import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { findBootLeftovers, removeBootLeftovers } from "./boot-leftovers.ts";
import { hash } from "./closures.fixture.ts";

/** A host with files below its root, and a closure whose kernel and initrd are packages of their own, as on NixOS. */
async function createHost(files: Record<string, string>) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(dir.path, path)), { recursive: true });
    await writeFile(join(dir.path, path), content);
  };
  const kernel = `store/${hash}-linux-6.12/bzImage`;
  const initrd = `store/${hash}-initrd/initrd`;
  const closure = join(dir.path, `store/${hash}-nixos`);
  await write(kernel, "a kernel");
  await write(initrd, "an initrd");
  await mkdir(closure);
  await symlink(join(dir.path, kernel), join(closure, "kernel"));
  await symlink(join(dir.path, initrd), join(closure, "initrd"));
  for (const [path, content] of Object.entries(files)) await write(path, content);
  const find = () => findBootLeftovers(dir.path, [closure]);
  const said: string[] = [];
  return {
    root: dir.path,
    said,
    found: async () => (await find()).map(({ path }) => relative(dir.path, path)),
    remove: (activationInProgress?: string) =>
      removeBootLeftovers({ bootLeftovers: find, activationInProgress: async () => activationInProgress }, (text) =>
        said.push(text),
      ),
    /** All files below the places where a boot loader can be. */
    bootFiles: async () =>
      (
        await Promise.all(
          ["boot", "efi"]
            .map((place) => readdir(join(dir.path, place), { withFileTypes: true, recursive: true }))
            .map((listed) => listed.catch(() => [])),
        )
      )
        .flat()
        .map((entry) => relative(dir.path, join(entry.parentPath, entry.name)))
        .sort(),
  };
}

const kernelCopy = `${hash}-linux-6.12-bzImage.efi`;
const initrdCopy = `${hash}-initrd-initrd.efi`;

/** A boot menu of systemd-boot with nothing wrong, the temporary files that nobody stumbles over among it. */
const whole = {
  "boot/loader/loader.conf": "default nixos-generation-7.conf\n",
  "boot/loader/loader.conf.tmp": "",
  "boot/loader/entries/nixos-generation-7.conf": "title NixOS\n",
  "boot/loader/entries/nixos-generation-8.tmp": "tit",
  [`boot/EFI/nixos/${kernelCopy}`]: "a kernel",
  [`boot/EFI/nixos/${initrdCopy}`]: "an initrd and its secrets",
  [`boot/EFI/nixos/${kernelCopy}.tmp.x1`]: "a k",
  "boot/EFI/nixos/.extra-files/efi/memtest86/memtest.efi": "",
  "boot/efi/memtest86/memtest.efi": "memtest",
  "boot/efi/boot/OTHER.tmp": "another system's",
};

const stateOfGrub = "grub\n2.12\nno\n/dev/sda\n/boot\n";

test.for<[string, Record<string, string>, string]>([
  ["systemd-boot's half loader.conf", { "boot/loader/loader.tmp": "timeout 5\n" }, "boot/loader/loader.tmp"],
  ["the same on an EFI partition of its own", { "efi/loader/loader.tmp": "" }, "efi/loader/loader.tmp"],
  [
    "systemd-boot's marker of an extra file whose folder is gone",
    { "boot/EFI/nixos/.extra-files/efi/gone/deep/shell.efi": "" },
    "boot/EFI/nixos/.extra-files/efi/gone",
  ],
  ["a kernel that was copied in part", { [`boot/EFI/nixos/${kernelCopy}`]: "a ker" }, `boot/EFI/nixos/${kernelCopy}`],
  ["an initrd of which nothing was copied", { [`boot/EFI/nixos/${initrdCopy}`]: "" }, `boot/EFI/nixos/${initrdCopy}`],
  ["GRUB's state that is no JSON", { "boot/grub/state": `${stateOfGrub}{"extraGrubInst` }, "boot/grub/state"],
  ["rEFInd's half kernel", { "boot/efi/refind/kernels/x-bzImage.tmp": "a k" }, "boot/efi/refind/kernels/x-bzImage.tmp"],
  [
    "rEFInd's half settings, where it is installed as removable",
    { "boot/efi/boot/refind.conf": "", "boot/efi/boot/refind.conf.tmp": "" },
    "boot/efi/boot/refind.conf.tmp",
  ],
])("R82: %s is removed before boot entries are installed, and nothing else", async ([, left, path]) => {
  const files = { ...whole, ...left };
  if (path.includes("efi/boot/")) delete (files as Record<string, string>)["boot/efi/boot/OTHER.tmp"];
  const host = await createHost(files);
  const before = await host.bootFiles();
  expect(await host.found()).toEqual([path]);

  await host.remove();

  expect(await host.found()).toEqual([]);
  expect(await host.bootFiles()).toEqual(before.filter((file) => file !== path && !file.startsWith(`${path}/`)));
  expect(host.said).toEqual([expect.stringMatching(/ It was removed\.$/)]);
});

test("R82: a boot menu that is whole, and what other boot loaders write, is left as it is", async () => {
  const host = await createHost({
    ...whole,
    "boot/grub/state": `${stateOfGrub}{"extraGrubInstallArgs":[]}\n`,
    "boot/grub/grub.cfg.tmp": "",
    "boot/extlinux/extlinux.conf.tmp.712": "",
    "boot/limine/limine.conf.tmp": "",
    "boot/EFI/Linux/nixos-generation-7..tmp": "",
    // Not what the installer would have put there.
    "boot/EFI/nixos/.extra-files/mine/notes": "kept",
  });
  const before = await host.bootFiles();
  expect(await host.found()).toEqual([]);
  await host.remove();
  expect(await host.bootFiles()).toEqual(before);
  for (const state of ["", "grub\n2.12\n", stateOfGrub, `${stateOfGrub}\n`]) {
    await writeFile(join(host.root, "boot/grub/state"), state);
    expect(await host.found()).toEqual([]);
  }
});

test("R82: while somebody else activates something, what their installer writes is not taken for a leftover", async () => {
  const host = await createHost({ "boot/loader/loader.tmp": "timeout 5\n" });
  await host.remove("process 712 holds the lock");
  expect(await readFile(join(host.root, "boot/loader/loader.tmp"), "utf8")).toBe("timeout 5\n");
  expect(host.said).toEqual([expect.stringContaining("It stays there, since process 712 holds the lock.")]);
});

test("R82: what cannot be looked at keeps no installer from its work", async () => {
  const said: string[] = [];
  const bootLeftovers = () => Promise.reject(new Error("EIO: i/o error"));
  await removeBootLeftovers({ bootLeftovers, activationInProgress: async () => undefined }, (text) => said.push(text));
  expect(said).toEqual([expect.stringContaining("EIO")]);
  const none = { bootLeftovers: undefined, activationInProgress: async () => undefined };
  await removeBootLeftovers(none, (text) => said.push(text));
  expect(said).toHaveLength(1);
});
