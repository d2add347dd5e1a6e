import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { readTorUids } from './tor-uids.ts';

/** What is told of one part of a path without following it. */
export interface PathEntry {
  readonly kind: 'file' | 'symlink' | 'directory' | 'other';
  /** Permission bits, the sticky bit included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A file system other than the machine's own, as of tests. */
export interface PathSource {
  /** Undefined where there is nothing. */
  inspect(path: string): Promise<PathEntry | undefined>;
  readLink(path: string): Promise<string>;
}

export interface TrustOptions {
  /** Leaves directories of root's to the groups to which root gave them, as Ubuntu does with /var/log. @default false */
  readonly groupsOfRoot?: boolean;
  /** Trusts Tor's own user as well, for what Tor is told anyway. @default false */
  readonly tor?: boolean;
}

const ROOT_UID = 0;
const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Looks whether another unprivileged user could put something of his in the place of `path`: whether he owns it, a directory above it or a
 * symbolic link on the way, or may write into such a directory. In one with the sticky bit he may remove only what is his (inode(7)), which then
 * is found by its owner. What does not exist yet, or may not be looked at, is for whoever opens it to see to.
 *
 * @param path absolute
 * @returns the part of the path that is his, and how, for a person; undefined where there is none
 */
export function findUntrusted(path: string, options: TrustOptions = {}): string | undefined {
  const walk = walkTo(path, options);
  let step = walk.next();
  while (step.done !== true) step = walk.next(look(step.value));
  return step.value;
}

/** {@link findUntrusted}, in another file system. */
export async function findUntrustedIn(source: PathSource, path: string): Promise<string | undefined> {
  const walk = walkTo(path, {});
  let step = walk.next();
  while (step.done !== true) {
    const entry = await source.inspect(step.value);
    const target = entry?.kind === 'symlink' ? await source.readLink(step.value) : undefined;
    step = walk.next(entry === undefined ? undefined : { ...entry, target });
  }
  return step.value;
}

type Seen = PathEntry & { readonly target: string | undefined };

/** Asks for one part of the path after the other, links resolved. */
function* walkTo(path: string, options: TrustOptions): Generator<string, string | undefined, Seen | undefined> {
  const left = ['', ...partsOf(path)];
  let current = '/';
  let links = 0;
  // In a user namespace root may have another number, or none.
  let rootsOwner: number | undefined;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '..') current = dirname(current);
    const next = part === '..' ? current : join(current, part);
    const seen = yield next;
    if (seen === undefined) return undefined;
    rootsOwner ??= seen.uid;
    const problem = problemOf(seen, rootsOwner, options);
    if (problem !== undefined) return `${next} ${problem}`;
    if (seen.target === undefined) {
      current = next;
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (seen.target.startsWith('/')) current = '/';
    left.unshift(...partsOf(seen.target));
  }
  return undefined;
}

function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function problemOf(
  { kind, mode, uid, gid }: PathEntry,
  rootsOwner: number,
  { groupsOfRoot = false, tor = false }: TrustOptions,
): string | undefined {
  // A terminal or a pipe is somebody's for other reasons.
  if (kind === 'other') return undefined;
  if (![ROOT_UID, rootsOwner, process.geteuid?.()].includes(uid) && !(tor && readTorUids().has(uid)))
    return `belongs to user ${uid}`;
  if (kind !== 'directory' || (mode & STICKY) !== 0) return undefined;
  const written = `can be written to by others (mode ${mode.toString(8).padStart(4, '0')})`;
  if ((mode & OTHERS_WRITE) !== 0) return written;
  if ((mode & GROUP_WRITES) === 0 || isPrivateGroup(uid, gid)) return undefined;
  return groupsOfRoot && uid === rootsOwner ? undefined : written;
}

/** Some distributions let the group write, having given each user a group of that name and number with nobody else in it. */
function isPrivateGroup(uid: number, gid: number): boolean {
  return uid !== ROOT_UID && uid === process.geteuid?.() && gid === process.getegid?.() && gid === uid;
}

function look(path: string): Seen | undefined {
  try {
    const stats = lstatSync(path);
    const kinds = { symlink: stats.isSymbolicLink(), file: stats.isFile(), directory: stats.isDirectory() };
    const kind = (['symlink', 'file', 'directory'] as const).find((name) => kinds[name]) ?? 'other';
    const target = kind === 'symlink' ? readlinkSync(path) : undefined;
    return { kind, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid, target };
  } catch {
    return undefined;
  }
}
