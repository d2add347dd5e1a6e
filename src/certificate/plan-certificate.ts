import { generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { Dns4torError } from '../failures/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_SECOND } from '../lib/units.ts';
import { FILE, type FileChange, type Held, MODE } from './certificate-directory.ts';
import { isPermitted, readAlternativeNames, readPermitted } from './general-names.ts';
import { type Authority, extensionValue, issueAuthority, issueServerCertificate } from './issue-certificates.ts';

/** What is asked for. */
export interface Request {
  /** Absolute; for errors. */
  readonly directory: string;
  /** The names of the server. Undefined: those of the present certificate, or else of the machine. */
  readonly names: readonly string[] | undefined;
  /** The names of the machine. */
  readonly ownNames: readonly string[];
  /** 1 to 825: Apple's systems refuse certificates that are valid for longer. */
  readonly days: number;
}

/** New certificates, which are in no file yet. */
export interface CertificatePlan {
  readonly authority: Authority;
  readonly isNewAuthority: boolean;
  readonly certificate: X509Certificate;
  /** The names of the certificate. Clients use the first one. */
  readonly names: readonly string[];
  /** Whether it replaces a certificate. */
  readonly isRenewal: boolean;
  /** In an order such that after each file, the certificate and the key of the server belong together. */
  readonly changes: readonly FileChange[];
}

interface Components {
  readonly clock: Clock;
  readonly random: Random;
}

/** Ten years, without leap days. */
const AUTHORITY_DAYS = 3650;

/** Clocks of devices may be behind this machine's. */
const BACKDATED_MS = MS_PER_HOUR;

/**
 * Makes the certificate of a server, and an authority if there is none. The key of the server stays the same, so that
 * replacing one file, the certificate, is enough. A daemon that watches both files never sees two that do not match.
 *
 * @throws Dns4torError ERR_CERTIFICATE_AUTHORITY, ERR_CERTIFICATE_NAMES
 */
export function planCertificate(components: Components, held: Held, request: Request): CertificatePlan {
  const { clock, random } = components;
  const names = request.names ?? namesIn(held.certificate) ?? request.ownNames;
  const fromEpochMs = clock.epochMs() - BACKDATED_MS;
  const authority =
    held.authority ??
    issueAuthority(random, createKey(), {
      names,
      fromEpochMs,
      untilEpochMs: fromEpochMs + AUTHORITY_DAYS * MS_PER_DAY,
    });
  if (held.authority !== undefined) checkAuthority(held.authority, names, request, clock);
  const serverKey = held.key ?? createKey();
  const certificate = issueServerCertificate(random, authority, {
    names,
    serverKey,
    fromEpochMs,
    // The last second is part of the validity (RFC 5280 §4.1.2.5), and it ends with that of the authority.
    untilEpochMs: Math.min(
      fromEpochMs + request.days * MS_PER_DAY - MS_PER_SECOND,
      authority.certificate.validToDate.getTime(),
    ),
  });
  const isNewAuthority = held.authority === undefined;
  return {
    authority,
    isNewAuthority,
    certificate,
    names,
    isRenewal: held.certificate !== undefined,
    changes: [
      ...(isNewAuthority ? authorityChanges(authority) : []),
      ...(held.key === undefined ? [{ name: FILE.key, text: toPem(serverKey), mode: MODE.private }] : []),
      { name: FILE.certificate, text: certificate.toString(), mode: MODE.public },
    ],
  };
}

/** Without the certificate, an interrupted replacement is continued by the next run. */
function authorityChanges({ certificate, key }: Authority): readonly FileChange[] {
  return [
    { name: FILE.authority, text: undefined, mode: MODE.public },
    { name: FILE.authorityKey, text: toPem(key), mode: MODE.private },
    { name: FILE.authority, text: certificate.toString(), mode: MODE.public },
  ];
}

function checkAuthority(
  { certificate }: Authority,
  names: readonly string[],
  { directory }: Request,
  clock: Clock,
): void {
  const path = join(directory, FILE.authority);
  if (certificate.validToDate.getTime() <= clock.epochMs()) {
    throw new Dns4torError('ERR_CERTIFICATE_AUTHORITY', `${path}: expired`);
  }
  const permitted = readPermitted(extensionValue(certificate, 'nameConstraints') ?? new Uint8Array(0));
  const others = names.filter((name) => !isPermitted(name, permitted));
  if (others.length > 0) throw new Dns4torError('ERR_CERTIFICATE_NAMES', others.join(', '));
}

/** The names of a certificate. Undefined if there are none. */
function namesIn(certificate: X509Certificate | undefined): readonly string[] | undefined {
  const value = certificate && extensionValue(certificate, 'subjectAltName');
  const names = value === undefined ? [] : readAlternativeNames(value);
  return names.length > 0 ? names : undefined;
}

function createKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function toPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
