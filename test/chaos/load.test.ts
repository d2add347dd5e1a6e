import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { encode } from 'dns-packet';
import { failureText } from '../../src/failures/failures.ts';
import { addressRecord, decodeReply, optRecord } from '../fixtures/dns/messages.ts';
import { waitUntil } from '../fixtures/wait-until.ts';
import { type Asked, Load } from './load.ts';

const PATIENCE_MS = 300;

/** Fresh for `kept` names, stale for `brief` ones. The first `new` name fails, and the others get no reply. */
function replyTo(query: Buffer, failedOnce: boolean): Buffer | undefined {
  const { id, questions } = decodeReply(query);
  const name = questions?.[0]?.name ?? '';
  const error = (code: number, text: string): ReturnType<typeof optRecord> =>
    optRecord({ options: [{ code: 15, data: Buffer.concat([Buffer.from([0, code]), Buffer.from(text)]) }] });
  const reply = { type: 'response', ...(id === undefined ? {} : { id }), questions: questions ?? [] } as const;
  if (name.startsWith('kept')) return encode({ ...reply, answers: [addressRecord(name, 60)] });
  if (name.startsWith('brief')) {
    const additionals = [error(3, failureText('ERR_SLOW'))];
    return encode({ ...reply, answers: [addressRecord(name, 30)], additionals });
  }
  return failedOnce ? undefined : encode({ ...reply, flags: 2, additionals: [error(23, failureText('ERR_DEADLINE'))] });
}

test('the load records for each query a fresh or stale answer, a failure with its reason, or no reply, and keeps sending', async () => {
  await using server = createSocket('udp4').bind(0, '127.0.0.1');
  await once(server, 'listening');
  let failedOnce = false;
  server.on('message', (query, { port }) => {
    const reply = replyTo(query, failedOnce);
    failedOnce = true;
    if (reply !== undefined) server.send(reply, port, '127.0.0.1');
  });
  await using load = await Load.start(server.address().port, PATIENCE_MS);
  await waitUntil('some queries have been sent', 10_000, () => load.asked.length >= 16);
  await load.stop();

  const outcomesOf = (kind: Asked['kind']): Set<string> =>
    new Set(load.asked.filter((query) => query.kind === kind).map(({ end }) => `${end?.outcome} ${end?.reason}`));
  assert.deepEqual(outcomesOf('kept'), new Set(['fresh ']));
  assert.deepEqual(outcomesOf('brief'), new Set(['stale slow']));
  assert.deepEqual(outcomesOf('new'), new Set(['failed deadline', 'unanswered no reply']));
  const newNames = load.asked.filter(({ kind }) => kind === 'new').map(({ name }) => name);
  assert.equal(new Set(newNames).size, newNames.length);
});
