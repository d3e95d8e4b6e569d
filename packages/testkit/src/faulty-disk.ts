import { existsSync, fstatSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Disk, type DiskFile, machineDisk } from "@nixfleet/runtime";
import {
  adopt,
  type DirectoryNode,
  type FileNode,
  find,
  lay,
  type Node,
  type Picture,
  picture,
  type Survival,
} from "./power-loss.ts";
import { createTempDir, type TempDir } from "./temp-dir.ts";

/** One operation that changes the disk or flushes it. Power can be lost before and after each. */
export interface DiskOperation {
  kind: "create" | "mkdir" | "write" | "truncate" | "rename" | "unlink" | "sync-file" | "sync-directory";
  /** What it was done to, below the root. */
  path: string;
}

/**
 * The files below a directory of this machine, on a disk that promises no more than POSIX does (fsync(2), "Description" and
 * "Notes"): content is kept once its file was flushed, and a name that came, changed or went once its directory was.
 */
export interface FaultyDisk extends Disk {
  readonly operations: readonly DiskOperation[];
  /** Makes operations fail from now on: a write with half of it done. Called before each. */
  failWhen(choose: ((operation: DiskOperation) => "EIO" | "ENOSPC" | "EDQUOT" | undefined) | undefined): void;
  /** Calls back after each operation from now on. */
  onOperation(callback: ((operation: DiskOperation) => void) | undefined): void;
  /** What is found after a power loss behind the first `operations` of them. `survival` is asked once for each thing that was not flushed. */
  afterPowerLoss(operations: number, survival: () => Survival): Promise<TempDir>;
}

/** What is below `root` now counts as flushed. What another program, or nobody's `Disk`, changes there counts as never flushed. */
export function createFaultyDisk(root: string): FaultyDisk {
  const top = adopt(realpathSync(root));
  if (top.kind !== "directory") throw new Error(`${root} is no directory`);
  const operations: DiskOperation[] = [];
  const pictures: Picture[] = [picture(top, new Map())];
  const open = new Map<number, Node>();
  let choose: Parameters<FaultyDisk["failWhen"]>[0];
  let callback: Parameters<FaultyDisk["onOperation"]>[0];

  /** The real path: the directory may be named by an open file descriptor. */
  const resolve = (path: string) => join(realpathSync(dirname(path)), basename(path));
  const directoryOf = (path: string): DirectoryNode => {
    const node = find(top, dirname(path));
    if (node?.kind !== "directory") throw new Error(`${dirname(path)} was not made on this disk`);
    return node;
  };
  const shown = (path: string) => path.slice(top.path.length + 1);
  const fails = (kind: DiskOperation["kind"], path: string): NodeJS.ErrnoException | undefined => {
    const code = choose?.({ kind, path: shown(path) });
    return code === undefined ? undefined : Object.assign(new Error(`${code}: ${kind} of ${shown(path)}`), { code });
  };
  const check = (kind: DiskOperation["kind"], path: string) => {
    const error = fails(kind, path);
    if (error !== undefined) throw error;
  };
  const done = (kind: DiskOperation["kind"], path: string) => {
    const operation = { kind, path: shown(path) };
    operations.push(operation);
    pictures.push(picture(top, new Map()));
    callback?.(operation);
  };

  const willOpen = (path: string, flags: string | number): { isNew: boolean } => {
    const isNew = typeof flags === "string" && flags !== "r" && flags !== "r+" && !existsSync(path);
    if (isNew) check("create", path);
    return { isNew };
  };
  const opened = (fd: number, path: string, flags: string | number, isNew: boolean) => {
    const directory = path === top.path ? undefined : directoryOf(path);
    let node = directory === undefined ? top : directory.live.get(basename(path));
    if (node === undefined) {
      // Not made by this disk, or just now: in either case its name was never flushed.
      node = fstatSync(fd).isDirectory()
        ? { kind: "directory", path, live: new Map(), flushed: new Map() }
        : { kind: "file", path, live: Buffer.alloc(0), flushed: Buffer.alloc(0) };
      directory?.live.set(basename(path), node);
    }
    open.set(fd, node);
    if (isNew) done("create", path);
    else if (typeof flags === "string" && flags.startsWith("w")) written(node, "truncate");
  };
  const nodeOf = (fd: number): Node => {
    const node = open.get(fd);
    if (node === undefined) throw new Error(`file descriptor ${fd} is not of this disk`);
    return node;
  };
  const fileOf = (fd: number): FileNode & { path: string } => {
    const node = nodeOf(fd);
    if (node.kind !== "file" || node.path === undefined) throw new Error(`file descriptor ${fd} is no file with a name`);
    return node as FileNode & { path: string };
  };
  const written = (node: Node, kind: "write" | "truncate") => {
    if (node.kind !== "file" || node.path === undefined) return;
    node.live = readFileSync(node.path);
    done(kind, node.path);
  };
  const flushed = (node: Node) => {
    if (node.kind === "file") node.flushed = node.live;
    else node.flushed = new Map(node.live);
    done(node.kind === "file" ? "sync-file" : "sync-directory", node.path ?? "");
  };
  const checkSync = (node: Node) => check(node.kind === "file" ? "sync-file" : "sync-directory", node.path ?? "");

  const moved = (from: string, to: string) => {
    const node = directoryOf(from).live.get(basename(from));
    if (node?.kind !== "file") throw new Error(`${from} is no file of this disk`);
    forget(to);
    directoryOf(from).live.delete(basename(from));
    directoryOf(to).live.set(basename(to), node);
    node.path = to;
    done("rename", to);
  };
  const forget = (path: string) => {
    const { live } = directoryOf(path);
    const node = live.get(basename(path));
    if (node?.kind === "file") node.path = undefined;
    return live.delete(basename(path));
  };
  const removed = (path: string) => {
    if (forget(path)) done("unlink", path);
  };

  const wrap = (file: DiskFile): DiskFile => ({
    fd: file.fd,
    read: (...given) => file.read(...given),
    stat: () => file.stat(),
    chmod: (mode) => file.chmod(mode),
    async write(text) {
      const node = fileOf(file.fd);
      const error = fails("write", node.path);
      await file.write(error === undefined ? text : text.slice(0, text.length / 2));
      written(node, "write");
      if (error !== undefined) throw error;
    },
    async writeFile(data) {
      const node = fileOf(file.fd);
      const error = fails("write", node.path);
      await file.writeFile(error === undefined ? data : data.slice(0, data.length / 2));
      written(node, "write");
      if (error !== undefined) throw error;
    },
    async truncate(length) {
      const node = fileOf(file.fd);
      check("truncate", node.path);
      await file.truncate(length);
      written(node, "truncate");
    },
    async sync() {
      checkSync(nodeOf(file.fd));
      flushed(nodeOf(file.fd));
    },
    async datasync() {
      checkSync(nodeOf(file.fd));
      flushed(nodeOf(file.fd));
    },
    async close() {
      open.delete(file.fd);
      await file.close();
    },
  });

  return {
    operations,
    failWhen(chosen) {
      choose = chosen;
    },
    onOperation(given) {
      callback = given;
    },
    async afterPowerLoss(count, survival) {
      const found = pictures[count];
      if (found === undefined) throw new Error(`there were ${operations.length} operations only`);
      const dir = await createTempDir("nixfleet-power-loss-");
      lay(found, dir.path, survival, new Map());
      return dir;
    },
    async open(path, flags, mode) {
      const at = path === root || path === top.path ? top.path : resolve(path);
      const { isNew } = willOpen(at, flags);
      const file = await machineDisk.open(path, flags, mode);
      opened(file.fd, at, flags, isNew);
      return wrap(file);
    },
    async mkdir(path, options) {
      const missing: string[] = [];
      for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at);
      if (missing.length > 0) check("mkdir", path);
      const first = await machineDisk.mkdir(path, options);
      for (const at of missing.map(resolve)) {
        directoryOf(at).live.set(basename(at), { kind: "directory", path: at, live: new Map(), flushed: new Map() });
        done("mkdir", at);
      }
      return first;
    },
    async rename(from, to) {
      check("rename", resolve(to));
      await machineDisk.rename(from, to);
      moved(resolve(from), resolve(to));
    },
    async rm(path, options) {
      check("unlink", resolve(path));
      await machineDisk.rm(path, options);
      removed(resolve(path));
    },
    async unlink(path) {
      check("unlink", resolve(path));
      await machineDisk.unlink(path);
      removed(resolve(path));
    },
    openSync(path, flags, mode) {
      const at = path === root || path === top.path ? top.path : resolve(path);
      const { isNew } = willOpen(at, flags);
      const fd = machineDisk.openSync(path, flags, mode);
      opened(fd, at, flags, isNew);
      return fd;
    },
    writeSync(fd, bytes, offset, length) {
      const node = fileOf(fd);
      const error = fails("write", node.path);
      const count = machineDisk.writeSync(fd, bytes, offset, error === undefined ? length : Math.floor(length / 2));
      written(node, "write");
      // As write(2): what could be written is told first, and the fault by the next call.
      if (error !== undefined && count === 0) throw error;
      return count;
    },
    ftruncateSync(fd, length) {
      const node = fileOf(fd);
      check("truncate", node.path);
      machineDisk.ftruncateSync(fd, length);
      written(node, "truncate");
    },
    fsyncSync(fd) {
      checkSync(nodeOf(fd));
      flushed(nodeOf(fd));
    },
    closeSync(fd) {
      open.delete(fd);
      machineDisk.closeSync(fd);
    },
    renameSync(from, to) {
      check("rename", resolve(to));
      machineDisk.renameSync(from, to);
      moved(resolve(from), resolve(to));
    },
  };
}
