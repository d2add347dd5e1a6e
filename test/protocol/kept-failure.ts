import { waitUntil } from '../fixtures/wait-until.ts';
import type { Lab } from './lab.ts';
import type { Transport } from './raw-client.ts';
import type { Reply } from './reply.ts';

/** RFC 8914 §4.14. */
const CACHED_ERROR = 13;

/**
 * A question that hangs upstream is asked for ten seconds longer than its client waits, and its failure is kept only
 * then.
 */
const PATIENCE_MS = 30_000;

/**
 * Resolves with a reply that says of itself that it is a failure of before, when upstream was not asked for it. A
 * failure is kept for a second at first and longer each time, so that on a busy machine it may take a few.
 */
export async function askUntilKept(lab: Lab, transport: Transport, name: string): Promise<Reply> {
  const ask = (): Promise<Reply> => lab.ask(transport, { name, edns: {} });
  let reply = await ask();
  await waitUntil('the failure is given again without asking upstream', PATIENCE_MS, async () => {
    const before = lab.asked(name);
    reply = await ask();
    return reply.ede?.code === CACHED_ERROR && lab.asked(name) === before;
  });
  return reply;
}

/** Has upstream work again and resolves with the answer that then comes, as soon as what is kept is over. */
export async function askUntilAnswered(lab: Lab, transport: Transport, name: string): Promise<Reply> {
  lab.behave(name, undefined);
  const ask = (): Promise<Reply> => lab.ask(transport, { name, edns: {} });
  let reply = await ask();
  await waitUntil('a good answer comes', PATIENCE_MS, async () => {
    if (reply.rcode !== 'NOERROR') reply = await ask();
    return reply.rcode === 'NOERROR';
  });
  return reply;
}
