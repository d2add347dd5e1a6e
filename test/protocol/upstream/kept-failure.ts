import { waitUntil } from '../../fixtures/wait-until.ts';
import type { Lab } from '../lab.ts';
import type { Transport } from '../raw-client.ts';
import type { Reply } from '../reply.ts';

/** RFC 8914 §4.14. */
const CACHED_ERROR = 13;

/** A hanging query stays upstream for ten seconds after its client's timeout. Its failure is cached only then. */
const PATIENCE_MS = 30_000;

/**
 * Resolves with a reply that is a cached failure, by its EDE, without an upstream query. The first failure is cached
 * for a second, and later ones for longer, so a busy machine may need several attempts.
 */
export async function askUntilKept(lab: Lab, transport: Transport, name: string): Promise<Reply> {
  const ask = (): Promise<Reply> => lab.ask(transport, { name, edns: {} });
  let reply = await ask();
  await waitUntil('the cached failure is returned without an upstream query', PATIENCE_MS, async () => {
    const before = lab.asked(name);
    reply = await ask();
    return reply.ede?.code === CACHED_ERROR && lab.asked(name) === before;
  });
  return reply;
}

/** Lets upstream work again. Resolves with the answer, as soon as the cached failure has expired. */
export async function askUntilAnswered(lab: Lab, transport: Transport, name: string): Promise<Reply> {
  lab.behave(name, undefined);
  const ask = (): Promise<Reply> => lab.ask(transport, { name, edns: {} });
  let reply = await ask();
  await waitUntil('a good answer arrives', PATIENCE_MS, async () => {
    if (reply.rcode !== 'NOERROR') reply = await ask();
    return reply.rcode === 'NOERROR';
  });
  return reply;
}
