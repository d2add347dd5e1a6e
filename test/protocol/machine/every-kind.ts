import { neverAnswer, resetStream } from '../../fixtures/dns/doh-behaviours.ts';
import { buildQuery, buildResponse } from '../../fixtures/dns/messages.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';
import { PATIENCE_MS } from '../../listener/harness.ts';
import { DENIED } from '../clients/load.ts';
import type { Lab } from '../lab.ts';
import { connectRaw } from '../raw-client.ts';
import { addressOf, answering, QNAME } from '../upstream-messages.ts';

/** The flags of a refused query, with opcode STATUS (RFC 1035 §4.1.1). */
const OPCODE_STATUS = 2 << 11;

/**
 * Sends queries of every kind that has a metric, over UDP and TCP: cached, new, nonexistent, failing, slow, stale,
 * refused and dropped. Also closes upstream connections.
 *
 * @param round makes new names; those of earlier rounds are in the cache
 */
export async function askEveryKind(lab: Lab, round: number): Promise<void> {
  lab.behave('denied.example', DENIED);
  lab.behave('failing.example', resetStream);
  for (const transport of ['udp', 'tcp'] as const) {
    for (let i = 0; i < 5; i++) await lab.ask(transport, { name: `n${i}-${transport}-${round}.example` });
    for (const name of ['kept.example', 'denied.example', 'failing.example', 'localhost']) {
      await lab.ask(transport, { name });
    }
    await lab.ask(transport, { flags: OPCODE_STATUS });
  }
  await Promise.all(Array.from({ length: 20 }, () => lab.ask('udp', { name: 'kept.example' })));

  const stale = `stale-${round}.example`;
  lab.behave(stale, answering({ answers: [addressOf(QNAME, 1)] }));
  await lab.ask('udp', { name: stale });
  lab.behave(stale, resetStream);
  const before = await lab.counter('dns4tor_stale_total');
  await waitUntil('a stale answer is returned', PATIENCE_MS, async () => {
    await lab.ask('udp', { name: stale });
    return (await lab.counter('dns4tor_stale_total')) > before;
  });

  await using client = await connectRaw('udp', lab.daemon);
  client.send(buildResponse({ name: 'reflected.example' }));
  const slow = `slow-${round}.example`;
  lab.behave(slow, neverAnswer);
  client.send(buildQuery({ name: slow }));
  await waitUntil('upstream is queried', PATIENCE_MS, () => lab.asked(slow) > 0);
  lab.upstream.closeConnections();
}
