import type { UpstreamConfig } from '../../config/config.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { formatMs } from '../../lib/format.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { MS_PER_HOUR } from '../../lib/units.ts';
import { isOnionHost } from '../../model/onion-address.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import type { Facts } from '../facts.ts';

type UpstreamFacts = Pick<Facts, 'upstream' | 'clock'>;

const CHECK_URL = 'Check the URL in --upstream.';

/** Checks that Tor reaches the resolver. */
export async function checkReach({ upstream: probe }: UpstreamFacts, upstream: UpstreamConfig): Promise<Verdict> {
  const found = await probe(upstream);
  if (found === undefined) return skip('no Tor can be used from here');
  if (found.isTorStuck) return skip('Tor is stuck, as `bootstrap` says');
  const { reachedMs, error } = found;
  if (reachedMs === undefined) {
    return failWith(error ?? new Dns4torError('ERR_INTERNAL'), 'Try again. Tor’s own log says more.');
  }
  const resolver = isOnionHost(upstream.host)
    ? 'the onion service'
    : `${formatHostPort(upstream.host, upstream.port)}, behind an exit relay,`;
  return ok(`${resolver} was reached in ${formatMs(reachedMs)}`, reachedMs);
}

/** Remaining validity that is suspicious: automatic renewal happens weeks before the end. */
const EXPIRES_SOON_MS = 3 * 24 * MS_PER_HOUR;

/** Checks that the resolver proves its identity. */
export async function checkCertificate(
  { upstream: probe, clock }: UpstreamFacts,
  upstream: UpstreamConfig,
): Promise<Verdict> {
  const found = await probe(upstream);
  if (found?.reachedMs === undefined) return skip('the resolver was not reached');
  const { certificate, connected, error } = found;
  if (connected === undefined) return failWith(error ?? new Dns4torError('ERR_TLS'), CHECK_URL);
  if (certificate === undefined) {
    return isOnionHost(upstream.host)
      ? ok('not needed: Tor encrypts end to end, and the onion address authenticates the service')
      : warn(
          'plain DNS has none: the exit relay and every network behind it can read and change everything',
          'Use a resolver with tls:// or https://.',
        );
  }
  const validTo = certificate.validToDate;
  const until = validTo.toISOString().slice(0, 10);
  if (validTo.getTime() - clock.epochMs() < EXPIRES_SOON_MS) {
    return warn(
      `the certificate is valid, but expires on ${until}`,
      'If the resolver is yours, renew the certificate. Otherwise have another --upstream ready.',
    );
  }
  return ok(`the certificate is valid until ${until}`);
}

/** Checks that the resolver answers, and how fast. */
export async function checkAnswer({ upstream: probe }: UpstreamFacts, upstream: UpstreamConfig): Promise<Verdict> {
  const found = await probe(upstream);
  if (found?.connected === undefined) return skip('there is no connection to the resolver');
  const { answer, error } = found;
  if (answer === undefined) return failWith(error ?? new Dns4torError('ERR_INTERNAL'), CHECK_URL);
  const { rcode, durationMs } = answer;
  if (rcode === 'NOERROR') return ok(`the resolver answered in ${formatMs(durationMs)}`, durationMs);
  const line = `the resolver answers ${rcode} to the query for the root name servers`;
  // A resolver for the zones of a company refuses all other names. It works for those who ask for its own.
  if (rcode === 'REFUSED') {
    return warn(line, 'If it is to answer for all names, check which clients it answers, or use another --upstream.');
  }
  return rcode === 'SERVFAIL'
    ? fail(line, 'Try again later, or use another --upstream: the resolver itself has a problem.')
    : fail(line, 'Use another --upstream. If the resolver is yours, check its configuration.');
}
