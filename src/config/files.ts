import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import { findUntrusted } from '../lib/path-trust.ts';
import { pemCertificates } from '../model/tls/pem.ts';
import { readTorUids } from '../tor/tor-uids.ts';
import { type Parsed, type Problem, refuse } from './config-problem.ts';

/** Enough for all authorities of a browser. Bounds what a wrong path, such as a disk or a log, makes us read. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Reads a text file of at most 1 MiB. */
export function readSmallFile(path: string): Parsed<string> {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return refuse(path, 'is not a file');
    if (stats.size > MAX_FILE_BYTES) {
      return refuse(path, `is larger than ${MAX_FILE_BYTES} bytes`, 'check that it is the right file');
    }
    return { value: readFileSync(path, 'utf8') };
  } catch (error) {
    return refuse(path, `cannot be read: ${reasonOf(error)}`);
  }
}

/** More than the largest public lists have. Bounds what a wrong path makes us read. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/** Checks that a list is a readable file of at most 256 MiB. */
export function checkListFile(path: string): Parsed<string> {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return refuse(path, 'is not a file');
    if (stats.size > MAX_LIST_BYTES) {
      return refuse(path, `is larger than ${MAX_LIST_BYTES} bytes`, 'check that it is the right file');
    }
    accessSync(path, constants.R_OK);
    return { value: path };
  } catch (error) {
    return refuse(path, `cannot be read: ${reasonOf(error)}`);
  }
}

/** Reads the certificates of a PEM file. There must be at least one, and all must be valid. */
export function readCertificates(path: string): Parsed<string> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const certificates = pemCertificates(file.value);
  if (certificates.length === 0)
    return refuse(path, "holds no certificate in PEM form ('-----BEGIN CERTIFICATE-----')");
  for (const [index, pem] of certificates.entries()) {
    try {
      void new X509Certificate(pem).subject;
    } catch {
      return refuse(path, `holds a malformed certificate (number ${index + 1})`, 'copy it again');
    }
  }
  return { value: certificates.join('\n') };
}

/** Without the group's bits: in systemd's credentials, they show the access of the service itself (acl(5), "mask"). */
const OTHERS_BITS = 0o007;

/**
 * Finds what lets other users read or replace a file that holds a secret. Tor's user may own it, because most of these
 * secrets are for Tor.
 *
 * @param path of a file; nothing is found if it has just been removed
 * @returns clauses that can follow the path
 */
export function privacyProblems(path: string): readonly Problem[] {
  const untrusted = findUntrusted(resolve(path), { isTrustedUser: (uid) => readTorUids().has(uid) });
  return [
    ...(((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_BITS) === 0
      ? []
      : [{ problem: 'is accessible to other users of this machine', remedy: `run chmod 600 ${path}` }]),
    ...(untrusted === undefined ? [] : [untrustedFile(untrusted)]),
  ];
}

/** The problem of a file that other users could replace, as a clause that can follow the path. */
function untrustedFile(reason: string): Required<Problem> {
  return {
    problem: `is not safe, as other users of this machine could replace it: ${reason}`,
    remedy: "make root or dns4tor's user the owner, and let nobody else write (chown, chmod go-w)",
  };
}

/** Checks that a file can be appended to or created, and that no other user can redirect its path. */
export function checkAppendFile(path: string): Parsed<string> {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return refuse(path, 'is a directory', 'name a file');
    if (stats === undefined && !statSync(dirname(path)).isDirectory()) {
      return refuse(path, 'has a parent that is not a directory', 'choose another path');
    }
    accessSync(stats === undefined ? dirname(path) : path, constants.W_OK);
    // Groups that root chose are trusted: on Ubuntu, the log daemon's group may write to /var/log.
    const untrusted = findUntrusted(resolve(path), { groupsOfRoot: true });
    if (untrusted === undefined) return { value: path };
    const { problem, remedy } = untrustedFile(untrusted);
    return refuse(path, problem, remedy);
  } catch (error) {
    return refuse(path, `cannot be written: ${reasonOf(error)}`);
  }
}

/** Search path if PATH is unset (posix_spawn(3), _PATH_DEFPATH). */
const DEFAULT_PATH = '/usr/bin:/bin';

/** Checks that a text names a program in PATH, or is the path of an executable file that others cannot replace. */
export function checkProgram(text: string): Parsed<string> {
  if (!text.includes('/')) {
    const directories = (process.env['PATH'] ?? DEFAULT_PATH).split(':');
    const isFound = directories.some((directory) => 'value' in checkExecutable(`${directory || '.'}/${text}`));
    return isFound ? { value: text } : refuse(text, 'is not in PATH', 'give the full path of the program');
  }
  return checkOwnProgram(text);
}

/** Finds a program in the absolute directories of PATH. Returns its path, undefined if there is none. */
export function findInPath(name: string): string | undefined {
  return (process.env['PATH'] ?? DEFAULT_PATH)
    .split(':')
    .filter(isAbsolute)
    .map((directory) => join(directory, name))
    .find((path) => 'value' in checkExecutable(path));
}

/** What separates words, begins a comment or escapes in a torrc. Tor takes no quotes around a program's path. */
const INEXPRESSIBLE = /[\s\p{Cc}#\\]/u;

/** Checks the path of a program that tor is to start: executable, fit for a torrc, and not replaceable by others. */
export function checkTransportProgram(path: string): Parsed<string> {
  if (!isAbsolute(path)) return refuse(path, 'is not an absolute path', 'give the full path of the program');
  if (INEXPRESSIBLE.test(path)) {
    const clause = 'holds a blank, a control character, # or a backslash, which a torrc cannot express here';
    return refuse(path, clause, 'make a symbolic link without them in a directory that only you can write to');
  }
  return checkOwnProgram(path);
}

/** Checks that a path is that of an executable file, and that no other user could replace it. */
function checkOwnProgram(path: string): Parsed<string> {
  const executable = checkExecutable(path);
  if ('problem' in executable) return executable;
  // Groups that root chose are trusted: Debian lets the group staff write to /usr/local.
  const untrusted = findUntrusted(resolve(path), { groupsOfRoot: true });
  if (untrusted === undefined) return executable;
  const { problem, remedy } = untrustedFile(untrusted);
  return refuse(path, problem, remedy);
}

function checkExecutable(path: string): Parsed<string> {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? { value: path } : refuse(path, 'is not a program');
  } catch (error) {
    return refuse(path, `cannot be run: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    ENOTDIR: 'no such directory',
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
  };
  return reasons[code] ?? code;
}
