import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeReply } from '../../fixtures/dns/messages.ts';
import { assertUnharmed } from '../daemon-health.ts';
import { type EncryptedLab, startEncryptedLab } from './encrypted-lab.ts';
import { connectHostileHttp1, type Http1Response } from './hostile-http1-client.ts';
import { type SmugglingRequests, smugglingRequests } from './smuggled-requests.ts';
import { assertNoConnections } from './under-attack.ts';

/*
 * RFC 9112 §11.2: a request must not be read as two. The queries are counted by the names that reach the upstream, and
 * by the metrics.
 */

let lab: EncryptedLab;
before(async () => {
  lab = await startEncryptedLab(['127.0.0.1'], '--tcp-idle-timeout', '1s', '--tcp-message-timeout', '500ms');
});
after(() => lab[Symbol.asyncDispose]());

let serial = 0;

interface Outcome {
  /** Responses until the server closed the connection, without interim ones. */
  readonly responses: readonly Http1Response[];
  readonly interim: number;
  /** How often upstream was asked. */
  readonly asked: { readonly outer: number; readonly smuggled: number };
}

/** Sends a request on its own connection, whose names no other request has. */
async function send(choose: (requests: SmugglingRequests) => string | undefined, half = false): Promise<Outcome> {
  const number = serial++;
  const [outer, smuggled] = [`outer${number}.dns4tor-lab.net`, `smuggled${number}.dns4tor-lab.net`];
  const text = choose(smugglingRequests({ outer, smuggled }));
  assert.ok(text !== undefined);
  const client = await connectHostileHttp1(lab.ports.doh, lab.ca);
  client.socket.write(text, 'latin1');
  if (half) client.socket.end();
  const all = await client.untilEnded();
  const responses = all.filter(({ status }) => status >= 200);
  return {
    responses,
    interim: all.length - responses.length,
    asked: { outer: lab.asked(outer), smuggled: lab.asked(smuggled) },
  };
}

const queries = (): Promise<number> => lab.counter('coredns_dns_requests_total', { proto: 'doh' });

test('the control: of two pipelined requests, each is answered', async () => {
  const { responses, asked } = await send(({ pipelined }) => pipelined);
  assert.deepEqual(
    responses.map(({ status, body }) => [status, decodeReply(body).rcode]),
    [
      [200, 'NOERROR'],
      [200, 'NOERROR'],
    ],
  );
  assert.deepEqual(asked, { outer: 1, smuggled: 1 });
});

test('a request with ambiguous or invalid framing is refused with one response or none, asks nothing, and ends the connection', async () => {
  const askedBefore = await queries();
  const { invalid } = smugglingRequests({ outer: 'a', smuggled: 'b' });
  const outcomes = await Promise.all(
    Object.keys(invalid).map(async (what) => {
      const { responses, asked } = await send((requests) => requests.invalid[what]);
      return { what, statuses: responses.map(({ status }) => status), asked };
    }),
  );
  const isRefused = ({ statuses, asked }: (typeof outcomes)[number]): boolean =>
    statuses.length <= 1 && statuses.every((status) => status >= 400) && asked.outer + asked.smuggled === 0;
  assert.deepEqual(
    outcomes.filter((outcome) => !isRefused(outcome)),
    [],
  );
  assert.equal(await queries(), askedBefore);
});

test('an unusual request gets one response, and the query in its body is not asked', async () => {
  const askedBefore = await queries();
  const { unusual } = smugglingRequests({ outer: 'a', smuggled: 'b' });
  const outcomes = await Promise.all(
    Object.keys(unusual).map(async (what) => {
      const { responses, asked } = await send((requests) => requests.unusual[what]);
      return { what, statuses: responses.map(({ status }) => status), asked };
    }),
  );
  const answered = outcomes.filter(({ statuses }) => statuses.includes(200)).length;
  const isSingle = ({ statuses, asked }: (typeof outcomes)[number]): boolean =>
    statuses.length <= 1 && asked.smuggled === 0 && asked.outer <= (statuses[0] === 200 ? 1 : 0);
  assert.deepEqual(
    outcomes.filter((outcome) => !isSingle(outcome)),
    [],
  );
  assert.equal((await queries()) - askedBefore, answered);
});

test('Expect: 100-continue gets an interim response and one answer (RFC 9110 §10.1.1)', async () => {
  const { responses, interim, asked } = await send(({ expecting }) => expecting);
  assert.deepEqual([interim, responses.map(({ status }) => status), asked.outer], [1, [200], 1]);
});

test('a body that ends before its Content-Length is not a query, whether the client half-closes or waits', async () => {
  for (const half of [true, false]) {
    const { responses, asked } = await send(({ truncated }) => truncated, half);
    assert.deepEqual(asked, { outer: 0, smuggled: 0 });
    assert.ok(responses.length <= 1 && responses.every(({ status }) => status >= 400));
  }
});

test('the connections are closed, and the log shows no defect', async () => {
  await assertNoConnections(lab);
  await assertUnharmed(lab.daemon);
});
