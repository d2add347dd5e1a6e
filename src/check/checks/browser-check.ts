import { ask, type Question } from '../dns-client.ts';
import type { Facts } from '../facts.ts';
import { answeringPlace, LOCAL_PATIENCE_MS } from '../probe-local.ts';
import { ok, skip, type Verdict, warn } from '../check-verdict.ts';

/** Firefox's canary domain: where it does not exist, Firefox does not turn on its own DNS over HTTPS by default. */
const CANARY: Question = { name: 'use-application-dns.net', type: 'A' };

/** Whether browsers are told not to go around dns4tor with a DNS over HTTPS of their own. */
export async function checkBrowser({
  config: { port },
  local,
  clock,
  random,
}: Pick<Facts, 'config' | 'local' | 'clock' | 'random'>): Promise<Verdict> {
  const place = answeringPlace(await local());
  if (place === undefined) return skip('dns4tor does not answer here');
  const options = { clock, random, timeoutMs: LOCAL_PATIENCE_MS };
  const reply = await ask({ address: place.address, port }, CANARY, 'udp', options).catch(() => undefined);
  if (reply?.rcode === 'NXDOMAIN') {
    return ok('browsers are told to leave DNS over HTTPS alone; one that was set to it by hand goes around dns4tor');
  }
  return warn(
    `browsers are not told to leave DNS over HTTPS alone (${reply?.rcode ?? 'no answer'} instead of NXDOMAIN)`,
    'Restart dns4tor, and turn DNS over HTTPS off in the settings of each browser.',
  );
}
