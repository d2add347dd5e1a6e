import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { buildQuery, buildResponse, rawMessage, rawName, rawQuestion } from '../../fixtures/dns/messages.ts';
import { startLab } from '../lab.ts';
import { runNamespaced } from '../namespaced.ts';
import { assertSilence, connectRaw, testOverBoth } from '../raw-client.ts';
import { FLAG } from '../reply.ts';

const lab = await startLab();
after(() => lab[Symbol.asyncDispose]());

function dropped(reason: string): Promise<number> {
  return lab.counter('dns4tor_dropped_total', { reason });
}

testOverBoth(
  'RFC 1035 §4.1.1: a message with QR=1 gets no reply, is counted and is not forwarded',
  async (transport) => {
    const name = 'reflected.example';
    const messages = [
      buildResponse({ name }),
      rawMessage({ flags: FLAG.QR | FLAG.RD, questions: [rawQuestion(rawName('reflected', 'example'))] }),
      rawMessage({ flags: FLAG.QR | (4 << 11) }),
      rawMessage({ flags: 0xffff, counts: [0xffff, 0xffff, 0xffff, 0xffff] }),
    ];
    const before = await dropped('response');
    for (const message of messages) await assertSilence(transport, lab.daemon, message);
    assert.equal(await dropped('response'), before + messages.length);
    assert.equal(lab.asked(name), 0);
  },
);

testOverBoth('RFC 1035 §4.1.1: a message shorter than a header gets no reply and is counted', async (transport) => {
  const query = buildQuery();
  const lengths = [0, 1, 2, 3, 11];
  const before = await dropped('short');
  for (const length of lengths) await assertSilence(transport, lab.daemon, query.subarray(0, length));
  assert.equal(await dropped('short'), before + lengths.length);
});

testOverBoth(
  'RFC 1035 §4.1.1: a reply sent back to dns4tor gets no reply, so two resolvers cannot loop',
  async (transport) => {
    await using client = await connectRaw(transport, lab.daemon);
    const queries = [buildQuery({ name: `back-${transport}.example` }), buildQuery({ flags: 4 << 11 })];
    client.send(...queries);
    const replies = [...(await client.received(queries.length))];
    const before = await dropped('response');
    for (const reply of replies) await assertSilence(transport, lab.daemon, reply);
    assert.equal(await dropped('response'), before + replies.length);
  },
);

test('RFC 1035 §4.1.1: forged queries from dns4tor’s own address and port do not make it answer itself (UDP)', () =>
  runNamespaced('own-address'));

test('RFC 768: a datagram from port 0, to which no reply is possible, is dropped and counted, and others are served (UDP)', () =>
  runNamespaced('port-zero'));
