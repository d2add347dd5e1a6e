import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { findUntrusted } from '../lib/path-trust.ts';
import { bad, type Parsed } from './parsed.ts';

/** Room for every authority of a browser's list, and a bound on what a wrong path (a disk, a log) makes us read. */
const MAX_FILE_BYTES = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The text of a configuration file or one like it, at most 1 MiB. */
export function readSmallFile(path: string): Parsed<string> {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) return bad(path, 'is not a file');
    if (stats.size > MAX_FILE_BYTES) return bad(path, `is larger than ${MAX_FILE_BYTES} bytes; is it the right file?`);
    return { value: readFileSync(path, 'utf8') };
  } catch (error) {
    return bad(path, `cannot be read: ${reasonOf(error)}`);
  }
}

/** The PEM text of a file that holds at least one certificate, and only ones that can be used. */
export function readCertificates(path: string): Parsed<string> {
  const file = readSmallFile(path);
  if ('problem' in file) return file;
  const certificates = file.value.match(CERTIFICATE);
  if (certificates === null) return bad(path, "holds no certificate in PEM form ('-----BEGIN CERTIFICATE-----')");
  for (const [index, pem] of certificates.entries()) {
    try {
      void new X509Certificate(pem).subject;
    } catch {
      return bad(path, `holds a certificate, its number ${index + 1}, that cannot be parsed; copy it again`);
    }
  }
  return { value: certificates.join('\n') };
}

/** The remedy for a path that lets other users replace a file. */
export const UNTRUSTED_REMEDY =
  "other users of this machine could replace the file; make root or dns4tor's user the owner, and let nobody else write (chown, chmod go-w)";

/** A path that can be appended to, or created, and that no other user can redirect. */
export function checkAppendFile(path: string): Parsed<string> {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return bad(path, 'is a directory; name a file');
    if (stats === undefined && !statSync(dirname(path)).isDirectory())
      return bad(path, 'has a parent that is not a directory; choose another path');
    accessSync(stats === undefined ? dirname(path) : path, constants.W_OK);
    // Groups that root chose are trusted: on Ubuntu, the log daemon's group may write to /var/log.
    const untrusted = findUntrusted(resolve(path), { groupsOfRoot: true });
    return untrusted === undefined ? { value: path } : bad(path, `is not safe: ${untrusted}; ${UNTRUSTED_REMEDY}`);
  } catch (error) {
    return bad(path, `cannot be written: ${reasonOf(error)}`);
  }
}

/** Search path where PATH is unset (posix_spawn(3), _PATH_DEFPATH). */
const DEFAULT_PATH = '/usr/bin:/bin';

/** The name of a program in PATH, or the path of an executable file. */
export function checkProgram(text: string): Parsed<string> {
  if (!text.includes('/')) {
    const directories = (process.env['PATH'] ?? DEFAULT_PATH).split(':');
    const isThere = directories.some((directory) => 'value' in checkProgram(`${directory || '.'}/${text}`));
    return isThere ? { value: text } : bad(text, 'is not in PATH; give the full path of the program');
  }
  try {
    accessSync(text, constants.X_OK);
    return statSync(text).isFile() ? { value: text } : bad(text, 'is not a program');
  } catch (error) {
    return bad(text, `cannot be run: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    ENOTDIR: 'there is no such directory',
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
  };
  return reasons[code] ?? code;
}
