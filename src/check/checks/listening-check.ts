import { formatMs } from '../../lib/format.ts';
import { Dns4torError, toDns4torError } from '../../failures/errors.ts';
import { EDE } from '../../failures/failures.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { ask } from '../dns-client.ts';
import type { Facts } from '../facts.ts';
import { answeringPlace } from '../probe-local.ts';
import { fail, failWith, ok, skip, type Verdict, warn } from '../check-verdict.ts';

const START = 'Start dns4tor; as a service: sudo systemctl start dns4tor.service.';

/** Whether dns4tor answers where it is to, over UDP and TCP. */
export async function checkListening({
  config: { port },
  local,
  addresses,
}: Pick<Facts, 'config' | 'local' | 'addresses'>): Promise<Verdict> {
  if (port === 0) return skip('the port is chosen at start (--port 0); give it with --port to check it');
  const found = await local();
  const elsewhere = found.map(({ error }) => error).find((error) => error instanceof Dns4torError);
  if (elsewhere !== undefined) return failWith(elsewhere, START);
  const missing = found.filter(({ who }) => who === 'nobody');
  const others = found.filter(({ who }) => who === 'another');
  const where = (list: typeof found): string =>
    list.map(({ address, transport }) => `${formatHostPort(address, port)} over ${transport.toUpperCase()}`).join(', ');
  if (others.length > 0) {
    return fail(
      `what answers at ${where(others)} is not dns4tor, or another version of it`,
      'Stop the other program, or choose another --port or --address; after an upgrade, restart dns4tor.',
    );
  }
  if (missing.length === found.length)
    return fail(`nothing answers at ${addresses.map((address) => formatHostPort(address, port)).join(' or ')}`, START);
  if (missing.length > 0)
    return fail(
      `nothing answers at ${where(missing)}`,
      'Restart dns4tor, and see whether a firewall of this machine keeps its own packets back.',
    );
  return ok(
    `dns4tor answers at ${addresses.map((address) => formatHostPort(address, port)).join(' and ')}, over UDP and TCP`,
  );
}

const SEE_ABOVE = 'See its log, and what is said of Tor and the resolver above.';

/** Beyond what a client is told to wait at most. */
const MARGIN_MS = 2000;

/** Whether what the running dns4tor answers comes through Tor. */
export async function checkResolution({
  config: { port, timeoutMs },
  local,
  clock,
  random,
}: Pick<Facts, 'config' | 'local' | 'clock' | 'random'>): Promise<Verdict> {
  const place = answeringPlace(await local());
  if (place === undefined) return skip('dns4tor does not answer here');
  const startedAt = clock.now();
  try {
    const target = { address: place.address, port };
    const question = { name: '.', type: 'NS' } as const;
    const { rcode, error } = await ask(target, question, 'udp', { clock, random, timeoutMs: timeoutMs + MARGIN_MS });
    const durationMs = clock.now() - startedAt;
    const why = error === undefined || error.text === '' ? '' : `: ${error.text}`;
    // The root exists, and whoever recurses may be asked for it: there is one good answer.
    if (rcode !== 'NOERROR') return fail(`dns4tor has no answer, but ${rcode}${why}`, SEE_ABOVE);
    if (error?.code === EDE.staleAnswer) return warn('dns4tor gives expired answers, for want of others', SEE_ABOVE);
    return ok(`dns4tor answered in ${formatMs(durationMs)}`, durationMs);
  } catch (thrown) {
    return fail(
      `dns4tor does not answer: ${thrown instanceof Error ? thrown.message : toDns4torError(thrown).message}`,
      'Restart dns4tor, and see its log.',
    );
  }
}
