import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { dirname, join } from 'node:path';
import { Dns4torError } from '../failures/errors.ts';
import { findUntrustedIn } from '../lib/path-trust.ts';
import { type FileState, readState, writeState } from '../system/transaction/file-state.ts';
import { type FileSystem, followLinks, makeDirectories, makeDirectory } from '../system/transaction/file-system.ts';
import { type Authority, SERVER_SUBJECT } from './issue-certificates.ts';

/** The files of the authority and the server. Programs and people rely on these names. */
export const FILE = {
  authority: 'ca.pem',
  authorityKey: 'ca-key.pem',
  certificate: 'cert.pem',
  key: 'key.pem',
} as const;

/** Modes of files: for the owner only, and for everybody to read. */
export const MODE = { private: 0o600, public: 0o644 } as const;

/** Everybody may read root's directory: browsers of all users read the authority's certificate there. */
const DIRECTORY_MODE = { root: 0o755, user: 0o700 } as const;

/** What the directory holds. */
export interface Held {
  /** Undefined if there is no certificate of an authority. */
  readonly authority: Authority | undefined;
  readonly certificate: X509Certificate | undefined;
  readonly key: KeyObject | undefined;
}

/** A file to be written, or to be removed if it has no text. */
export interface FileChange {
  readonly name: string;
  readonly text: string | undefined;
  readonly mode: number;
}

/** Who runs the command. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Reads the authority, and the server's certificate and key.
 *
 * @param directory absolute
 * @param replacesAuthority whether the authority will be replaced, so that its state does not matter
 * @throws Dns4torError ERR_CERTIFICATE_AUTHORITY, ERR_CERTIFICATE_FOREIGN, ERR_CERTIFICATE_UNSAFE, ERR_SYSTEM_FILE
 */
export async function readDirectory(fs: FileSystem, directory: string, replacesAuthority: boolean): Promise<Held> {
  const untrusted = await findUntrustedIn(fs, directory);
  if (untrusted !== undefined) throw new Dns4torError('ERR_CERTIFICATE_UNSAFE', untrusted);
  const texts = {
    authority: await readText(fs, join(directory, FILE.authority)),
    authorityKey: await readText(fs, join(directory, FILE.authorityKey)),
    certificate: await readText(fs, join(directory, FILE.certificate)),
    key: await readText(fs, join(directory, FILE.key)),
  };
  const certificate = certificateIn(texts.certificate);
  const key = keyIn(texts.key);
  const foreign = [
    // The name of a public authority, or of another tool.
    texts.certificate !== undefined && certificate?.subject !== `CN=${SERVER_SUBJECT}` ? FILE.certificate : undefined,
    texts.key !== undefined && !isP256(key) ? FILE.key : undefined,
  ].find((name) => name !== undefined);
  if (foreign !== undefined) throw new Dns4torError('ERR_CERTIFICATE_FOREIGN', join(directory, foreign));
  const authority = replacesAuthority ? undefined : authorityIn(directory, texts);
  return { authority, certificate, key };
}

interface Texts {
  readonly authority: string | undefined;
  readonly authorityKey: string | undefined;
  readonly certificate: string | undefined;
}

function authorityIn(
  directory: string,
  { authority: text, authorityKey: keyText, certificate: issued }: Texts,
): Authority | undefined {
  const refuse = (reason: string): Dns4torError =>
    new Dns4torError('ERR_CERTIFICATE_AUTHORITY', `${join(directory, FILE.authority)}: ${reason}`);
  if (text === undefined) {
    // Devices may trust the authority that has issued the certificate.
    if (issued !== undefined && keyText === undefined) throw refuse('not there');
    // A key alone is left over from a replacement that was interrupted.
    return undefined;
  }
  const certificate = certificateIn(text);
  if (certificate === undefined || !certificate.ca) throw refuse('not a certificate of an authority');
  if (keyText === undefined) throw refuse(`its key, ${FILE.authorityKey}, is not there`);
  const key = keyIn(keyText);
  if (key === undefined || !isP256(key) || !certificate.checkPrivateKey(key)) {
    throw refuse(`${FILE.authorityKey} is not its key`);
  }
  return { certificate, key };
}

async function readText(fs: FileSystem, path: string): Promise<string | undefined> {
  const state = await readState(fs, (await followLinks(fs, path)) ?? path);
  return state.kind === 'file' ? Buffer.from(state.bytes).toString('utf8') : undefined;
}

function certificateIn(text: string | undefined): X509Certificate | undefined {
  try {
    return text === undefined ? undefined : new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function keyIn(text: string | undefined): KeyObject | undefined {
  try {
    return text === undefined ? undefined : createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function isP256(key: KeyObject | undefined): boolean {
  return key?.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

/**
 * Writes files one after the other, each atomically and durably. The directory is created if it is missing.
 *
 * @throws Dns4torError ERR_SYSTEM_FILE; the files before it have been written, those after it have not
 */
export async function writeFiles(
  fs: FileSystem,
  directory: string,
  changes: readonly FileChange[],
  owner: Owner,
): Promise<void> {
  if ((await fs.inspect(directory)) === undefined) {
    await makeDirectories(fs, dirname(directory));
    await makeDirectory(fs, directory, owner.uid === 0 ? DIRECTORY_MODE.root : DIRECTORY_MODE.user);
  }
  for (const { name, text, mode } of changes) {
    const path = join(directory, name);
    const state: FileState =
      text === undefined ? { kind: 'absent' } : { kind: 'file', bytes: Buffer.from(text), mode, ...owner };
    if (text !== undefined || (await readState(fs, path)).kind !== 'absent') await writeState(fs, path, state);
  }
}
