import { Dns4torError, problemOf } from '../../failures/errors.ts';
import { EDE } from '../../failures/failures.ts';
import { formatMs } from '../../lib/format.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';
import { ask } from '../dns-client.ts';
import type { Facts } from '../facts.ts';
import { findAnswering } from '../probe-local.ts';

const START = 'Start dns4tor. As a service: sudo systemctl start dns4tor.service.';

/** Checks that dns4tor answers at its addresses, over UDP and TCP. */
export async function checkListening({
  config: { port },
  local,
  addresses,
}: Pick<Facts, 'config' | 'local' | 'addresses'>): Promise<Verdict> {
  if (port === 0) return skip('the port is chosen at start (--port 0); give the actual one with --port');
  const found = await local();
  const refusal = found.map(({ error }) => error).find((error) => error instanceof Dns4torError);
  if (refusal !== undefined) return failWith(refusal, START);
  const missing = found.filter(({ who }) => who === 'nobody');
  const others = found.filter(({ who }) => who === 'another');
  const where = (list: typeof found): string =>
    list.map(({ address, transport }) => `${formatHostPort(address, port)} over ${transport.toUpperCase()}`).join(', ');
  if (others.length > 0) {
    return fail(
      `the program at ${where(others)} is not dns4tor, or is another version of it`,
      'Stop the other program, or choose another --port or --address. After an upgrade, restart dns4tor.',
    );
  }
  if (missing.length === found.length)
    return fail(`nothing answers at ${addresses.map((address) => formatHostPort(address, port)).join(' or ')}`, START);
  if (missing.length > 0)
    return fail(
      `nothing answers at ${where(missing)}`,
      'Restart dns4tor, and check whether this machine’s firewall blocks its own packets.',
    );
  return ok(
    `dns4tor answers at ${addresses.map((address) => formatHostPort(address, port)).join(' and ')}, over UDP and TCP`,
  );
}

const SEE_ABOVE = 'See the log of dns4tor, and the checks of Tor and the resolver above.';

/** Margin beyond the time within which dns4tor replies (--timeout). */
const MARGIN_MS = 2000;

/** Checks that the running dns4tor gets answers through Tor. */
export async function checkResolution({
  config: { port, timeoutMs },
  local,
  clock,
  random,
}: Pick<Facts, 'config' | 'local' | 'clock' | 'random'>): Promise<Verdict> {
  const own = findAnswering(await local());
  if (own === undefined) return skip('dns4tor does not answer here');
  const startedAt = clock.now();
  try {
    const server = { address: own.address, port };
    const question = { name: '.', type: 'NS', provenance: true } as const;
    const { rcode, error, source } = await ask(server, question, 'udp', {
      clock,
      random,
      timeoutMs: timeoutMs + MARGIN_MS,
    });
    const durationMs = clock.now() - startedAt;
    const why = error === undefined || error.text === '' ? '' : `: ${error.text}`;
    // The root always exists, and every recursive resolver answers for it. A private one refuses, but the path works.
    if (rcode === 'REFUSED' && source === 'upstream') {
      return warn(`the resolver refuses the query for the root name servers${why}`, SEE_ABOVE);
    }
    if (rcode !== 'NOERROR') return fail(`dns4tor answers ${rcode}${why}`, SEE_ABOVE);
    if (error?.code === EDE.staleAnswer) return warn('dns4tor serves stale answers, for lack of fresh ones', SEE_ABOVE);
    return ok(`dns4tor answered in ${formatMs(durationMs)}`, durationMs);
  } catch (thrown) {
    return fail(`dns4tor does not answer: ${problemOf(thrown)}`, 'See the log of dns4tor, and restart it.');
  }
}
