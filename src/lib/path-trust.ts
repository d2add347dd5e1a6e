import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

/** Attributes of a path component, from lstat(2). */
interface PathEntry {
  readonly kind: 'file' | 'symlink' | 'directory' | 'other';
  /** Permission bits, the sticky bit included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A file system other than the machine's. */
interface PathSource {
  /** Resolves to undefined if the path does not exist. */
  inspect(path: string): Promise<PathEntry | undefined>;
  readLink(path: string): Promise<string>;
}

interface TrustOptions {
  /** Accepts group-writable directories that root owns, such as Ubuntu's /var/log. @default false */
  readonly groupsOfRoot?: boolean;
  /** Whether to trust a user besides root and that of the process. @default nobody else */
  readonly isTrustedUser?: (uid: number) => boolean;
}

const ROOT_UID = 0;
const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

/** The kernel's limit on symbolic links in a path (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * Finds a component of `path` through which another unprivileged user could replace it: a file, directory or symbolic
 * link that such a user owns, or a directory that others may write to. Sticky directories pass: of other users, only
 * the owner of an entry can rename or remove it (inode(7)). The search ends at the first component that does not exist
 * or cannot be examined: opening the path reports that.
 *
 * @param path absolute
 * @returns the component and the reason, for a person; undefined if there is none
 */
export function findUntrusted(path: string, options: TrustOptions = {}): string | undefined {
  const walk = walkTo(path, options);
  let step = walk.next();
  while (step.done !== true) step = walk.next(look(step.value));
  return step.value;
}

/** {@link findUntrusted} in another file system. */
export async function findUntrustedIn(source: PathSource, path: string): Promise<string | undefined> {
  const walk = walkTo(path, {});
  let step = walk.next();
  while (step.done !== true) {
    step = walk.next(await lookIn(source, step.value));
  }
  return step.value;
}

async function lookIn(source: PathSource, path: string): Promise<Seen | undefined> {
  try {
    const entry = await source.inspect(path);
    const target = entry?.kind === 'symlink' ? await source.readLink(path) : undefined;
    return entry === undefined ? undefined : { ...entry, target };
  } catch {
    return undefined;
  }
}

type Seen = PathEntry & { readonly target: string | undefined };

/** Yields each component to examine, with symbolic links resolved, and receives what was found. */
function* walkTo(path: string, options: TrustOptions): Generator<string, string | undefined, Seen | undefined> {
  const left = ['', ...partsOf(path)];
  let current = '/';
  let links = 0;
  // In a user namespace, root may have another user ID, or none.
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
  { groupsOfRoot = false, isTrustedUser = () => false }: TrustOptions,
): string | undefined {
  // Terminals and pipes belong to the user who opened them.
  if (kind === 'other') return undefined;
  if (![ROOT_UID, rootsOwner, process.geteuid?.()].includes(uid) && !isTrustedUser(uid))
    return `belongs to user ${uid}`;
  if (kind !== 'directory' || (mode & STICKY) !== 0) return undefined;
  const written = `can be written to by others (mode ${mode.toString(8).padStart(4, '0')})`;
  if ((mode & OTHERS_WRITE) !== 0) return written;
  if ((mode & GROUP_WRITES) === 0 || isPrivateGroup(uid, gid)) return undefined;
  return groupsOfRoot && uid === rootsOwner ? undefined : written;
}

/**
 * Whether the directory belongs to the process's own user and group, not root's, and both have the same ID. So it is
 * with the private groups of distributions that use umask 002. Whether the group has other members is not checked.
 */
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
