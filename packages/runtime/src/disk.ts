import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, type Stats, writeSync } from "node:fs";
import { mkdir, open, rename, rm, unlink } from "node:fs/promises";

/** An open file or directory, as far as what becomes durable needs it. `FileHandle` of Node is one. */
export interface DiskFile {
  readonly fd: number;
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  write(text: string): Promise<unknown>;
  writeFile(data: string | Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  chmod(mode: number): Promise<void>;
  stat(): Promise<Stats>;
  /** fsync(2). */
  sync(): Promise<void>;
  /** fdatasync(2). */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The file operations by which something gets onto the disk, as `node:fs` has them. Whoever promises that something survives a
 * power loss takes them as a parameter, so that a test can lose what was not flushed. Reading needs no such parameter.
 */
export interface Disk {
  open(path: string, flags: string | number, mode?: number): Promise<DiskFile>;
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: true }): Promise<void>;
  unlink(path: string): Promise<void>;
  openSync(path: string, flags: string, mode?: number): number;
  writeSync(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  ftruncateSync(fd: number, length: number): void;
  fsyncSync(fd: number): void;
  closeSync(fd: number): void;
  renameSync(from: string, to: string): void;
}

/** The disk of this machine. */
export const machineDisk: Disk = {
  open,
  mkdir,
  rename,
  rm,
  unlink,
  openSync,
  writeSync,
  ftruncateSync,
  fsyncSync,
  closeSync,
  renameSync,
};
