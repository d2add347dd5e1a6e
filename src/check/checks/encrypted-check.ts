import { X509Certificate } from 'node:crypto';
import { expandAddresses } from '../../daemon/expand-addresses.ts';
import { Dns4torError, problemOf } from '../../failures/errors.ts';
import { formatNoun } from '../../lib/format.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/ip-address.ts';
import { daysLeft, MAX_LIFE_DAYS, readValidity, validityAt } from '../../model/tls/certificate-validity.ts';
import { findPortHolders, namesOf } from '../../system/sockets/port-holders.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';
import { type EncryptedFinding, probeEncrypted } from '../probe-encrypted.ts';

type EncryptedFacts = Pick<Facts, 'config' | 'clock' | 'random' | 'fs'>;

const START = 'Start or restart dns4tor: a reload opens no listeners. Its log says why it does not listen.';

/** Checks that dns4tor answers over TLS or HTTPS at its addresses, with the configured certificate. */
export async function checkEncrypted(facts: EncryptedFacts, protocol: 'dot' | 'doh'): Promise<Verdict> {
  const { dotAddresses, dotPort, dohAddresses, dohPort, dohPath, tls } = facts.config.encrypted;
  const [addresses, port, path] =
    protocol === 'dot' ? [dotAddresses, dotPort, undefined] : [dohAddresses, dohPort, dohPath];
  if (tls === undefined) return skip('there is no certificate');
  if (port === 0) return skip(`the port is chosen at start (--${protocol}-port 0); give the actual one`);
  const found = await Promise.all(
    expandAddresses(addresses).map((address) => probeEncrypted(facts, { address, port, path }, tls)),
  );
  const of = (who: EncryptedFinding['who']): readonly EncryptedFinding[] => found.filter((each) => each.who === who);
  const where = (list: readonly EncryptedFinding[]): string =>
    list.map(({ endpoint }) => formatHostPort(endpoint.address, port)).join(' and ');
  const refusal = found.map(({ error }) => error).find((error) => error instanceof Dns4torError);
  if (refusal !== undefined) return failWith(refusal, START);

  const [strangers, others, missing] = [of('stranger'), of('another'), of('nobody')];
  if (strangers.length > 0) {
    return fail(
      `${await holderOf(facts, port)} at ${where(strangers)} does not present the certificate of --tls-cert: ${problemOf(strangers[0]?.error)}`,
      'If it is dns4tor, follow the advice of `tls-cert`, then reload it (sudo systemctl reload dns4tor). Otherwise stop that program, or choose another port.',
    );
  }
  if (others.length > 0) {
    return fail(
      `${await holderOf(facts, port)} at ${where(others)} does not answer as this dns4tor would`,
      `If it is dns4tor, ${protocol === 'doh' ? 'check --doh-path and ' : ''}restart it. Otherwise stop that program, or choose another port.`,
    );
  }
  if (missing.length > 0) return fail(`nothing answers at ${where(missing)}`, START);
  return ok(`dns4tor answers at ${where(found)}, with the certificate of --tls-cert`);
}

/** The programs that hold a TCP port, as far as the system shows them. */
async function holderOf({ fs }: Pick<Facts, 'fs'>, port: number): Promise<string> {
  const holders = (await findPortHolders(fs, port).catch(() => undefined)) ?? [];
  return namesOf(holders.filter(({ transport }) => transport === 'tcp')).join(' and ') || 'the program';
}

/** Extended key usage of a server (RFC 5280 §4.2.1.12). */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

const RENEW =
  'Run dns4tor certificate again, or renew it at the CA that issued it. The new file is used within ten seconds.';

/** Checks that clients accept the certificate of DoT and DoH: its names, its validity and its purpose. */
export async function checkServerCertificate({ config, clock }: Pick<Facts, 'config' | 'clock'>): Promise<Verdict> {
  const { tls, dotAddresses, dohAddresses } = config.encrypted;
  if (tls === undefined) return skip('there is no certificate');
  const certificate = new X509Certificate(tls.certificate);
  const { subjectAltName = '', keyUsage: purposes } = certificate;
  const validity = readValidity(tls.certificate);
  const now = clock.epochMs();
  const left = daysLeft(validity, now);
  const until = new Date(validity.untilEpochMs).toISOString().slice(0, 10);
  const state = validityAt(validity, now);
  if (state === 'expired') return fail(`the certificate expired on ${until}, so clients refuse it`, RENEW);
  if (state === 'not_yet') return fail('the certificate is not valid yet, so clients refuse it', 'Correct the clock.');
  if (subjectAltName === '') {
    // RFC 9110 §4.3.4.
    return fail(
      'the certificate has no subjectAltName, so clients refuse it',
      'Issue one with the names of this server.',
    );
  }
  // Node calls the extended key usage so.
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH)) {
    return fail('the certificate is not for servers, so clients refuse it', 'Issue one with the purpose serverAuth.');
  }
  if (state === 'expiring') return warn(`the certificate expires in ${formatNoun(left, 'day', 'days')}`, RENEW);
  if (daysLeft(validity, validity.fromEpochMs) > MAX_LIFE_DAYS) {
    return warn(
      `the certificate is valid for more than ${MAX_LIFE_DAYS} days, so Apple’s systems refuse it`,
      'Issue one with a shorter life.',
    );
  }
  if (!subjectAltName.includes('DNS:')) {
    const unnamed = expandAddresses([...dotAddresses, ...dohAddresses]).filter(
      (address) => !isLoopback(address) && certificate.checkIP(address) === undefined,
    );
    if (unnamed.length > 0) {
      return warn(
        `the certificate has no host name, and not the addresses ${unnamed.join(', ')}: clients there refuse it`,
        'Issue one with the name or the address by which clients know this server.',
      );
    }
    if (dotAddresses.some((address) => !isLoopback(address))) {
      return warn(
        'the certificate has no host name, and Android’s Private DNS takes only a host name',
        'Issue one that also has a name for this server.',
      );
    }
  }
  return ok(`clients of ${subjectAltName} accept the certificate until ${until}, if they trust its CA`);
}
