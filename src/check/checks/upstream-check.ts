import type { UpstreamConfig } from '../../config/config.ts';
import { formatMs } from '../../lib/format.ts';
import { Dns4torError } from '../../failures/errors.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { isOnionHost } from '../../model/onion-address.ts';
import type { Facts } from '../facts.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';

type Needs = Pick<Facts, 'upstream' | 'clock'>;

const SOMETHING_ELSE = 'Check the URL in --upstream.';

/** Whether Tor finds a way to the resolver. */
export async function checkReach({ upstream: probe }: Needs, upstream: UpstreamConfig): Promise<Verdict> {
  const found = await probe(upstream);
  if (found === undefined) return skip(NO_TOR);
  const { reachedMs, error } = found;
  if (reachedMs === undefined) {
    return failWith(error ?? new Dns4torError('ERR_INTERNAL'), 'Try again; Tor’s own log says more.');
  }
  const way = isOnionHost(upstream.host)
    ? 'the onion service'
    : `${formatHostPort(upstream.host, upstream.port)}, behind an exit relay,`;
  return ok(`${way} was reached in ${formatMs(reachedMs)}`, reachedMs);
}

const DAY_MS = 86_400_000;
/** Certificates of those who renew them by themselves are renewed weeks before. */
const SOON_MS = 3 * DAY_MS;

/** Whether it is the right resolver. */
export async function checkCertificate({ upstream: probe, clock }: Needs, upstream: UpstreamConfig): Promise<Verdict> {
  const found = await probe(upstream);
  if (found?.reachedMs === undefined) return skip('the resolver was not reached');
  const { certificate, connected, error } = found;
  if (connected === undefined) return failWith(error ?? new Dns4torError('ERR_TLS'), SOMETHING_ELSE);
  if (certificate === undefined) {
    return isOnionHost(upstream.host)
      ? ok('none is needed: Tor encrypts all the way, and the onion’s address is its key')
      : warn(
          'plain DNS has none: the exit relay, and all behind it, can read and change everything',
          'Use a resolver with tls:// or https://.',
        );
  }
  const validTo = certificate.validToDate;
  const until = validTo.toISOString().slice(0, 10);
  if (validTo.getTime() - clock.epochMs() < SOON_MS) {
    return warn(
      `it is the right one, but expires on ${until}`,
      'Renew it if the resolver is yours; else have another --upstream ready.',
    );
  }
  return ok(`it is the right one, valid until ${until}`);
}

/** Whether it answers, and how fast. */
export async function checkAnswer({ upstream: probe }: Needs, upstream: UpstreamConfig): Promise<Verdict> {
  const found = await probe(upstream);
  if (found?.connected === undefined) return skip('there is no connection to the resolver');
  const { answer, error } = found;
  if (answer === undefined) return failWith(error ?? new Dns4torError('ERR_INTERNAL'), SOMETHING_ELSE);
  const { rcode, durationMs } = answer;
  if (rcode === 'NOERROR') return ok(`the resolver answered in ${formatMs(durationMs)}`, durationMs);
  const line = `the resolver answers ${rcode} to what everybody may ask`;
  return rcode === 'SERVFAIL'
    ? fail(line, 'Try again later, or another --upstream: the resolver itself has a problem.')
    : fail(line, 'Use another --upstream, or see at the resolver, if it is yours, whom it answers.');
}

const NO_TOR = 'there is no Tor to go through';
