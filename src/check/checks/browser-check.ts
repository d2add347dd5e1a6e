import { ok, skip, type Verdict, warn } from '../check-verdict.ts';
import { ask, type Question } from '../dns-client.ts';
import type { Facts } from '../facts.ts';
import { findAnswering, LOCAL_TIMEOUT_MS } from '../probe-local.ts';

/** Firefox's canary domain. If it does not exist, Firefox does not enable DNS over HTTPS by default. */
const CANARY: Question = { name: 'use-application-dns.net', type: 'A' };

/** Checks that browsers are told not to bypass dns4tor with their own DNS over HTTPS. */
export async function checkBrowser({
  config: { port },
  local,
  clock,
  random,
}: Pick<Facts, 'config' | 'local' | 'clock' | 'random'>): Promise<Verdict> {
  const own = findAnswering(await local());
  if (own === undefined) return skip('dns4tor does not answer here');
  const options = { clock, random, timeoutMs: LOCAL_TIMEOUT_MS };
  const reply = await ask({ address: own.address, port }, CANARY, 'udp', options).catch(() => undefined);
  if (reply?.rcode === 'NXDOMAIN') {
    return ok('browsers do not turn on DNS over HTTPS by themselves; turned on by hand, it bypasses dns4tor');
  }
  return warn(
    `browsers may turn on DNS over HTTPS by themselves (${reply?.rcode ?? 'no answer'} instead of NXDOMAIN)`,
    'Restart dns4tor, and turn off DNS over HTTPS in the settings of each browser.',
  );
}
