import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildQuery } from '../../fixtures/dns/messages.ts';
import { echo, HeldHandler } from '../harness.ts';
import { connectDoh, DNS_MESSAGE, get, post, serveDoh, VERSIONS } from './doh-harness.ts';

const RESPONSE = Buffer.from(buildQuery());
RESPONSE[2] = 0x80;

for (const version of VERSIONS) {
  test(`${version}: GET and POST get the DNS message and no header that is not needed`, async () => {
    await using server = await serveDoh(version, echo);
    await using client = await connectDoh(version, server.port);
    for (const spec of [get(buildQuery()), post(buildQuery()), get(buildQuery(), '&x=1')]) {
      const { status, headers, body } = await client.request(spec);
      assert.equal(status, 200);
      assert.deepEqual(body, Buffer.from(buildQuery()));
      assert.deepEqual(headers, {
        'content-type': DNS_MESSAGE,
        'content-length': String(body.length),
        'cache-control': 'max-age=0',
      });
    }
  });

  test(`${version}: HEAD gets the header of GET`, async () => {
    await using server = await serveDoh(version, echo);
    await using client = await connectDoh(version, server.port);
    const { status, headers, body } = await client.request({ ...get(buildQuery()), method: 'HEAD' });
    assert.equal(status, 200);
    assert.equal(headers['content-length'], String(buildQuery().length));
    assert.equal(body.length, 0);
    assert.equal((await client.request(get(buildQuery()))).status, 200);
  });

  test(`${version}: requests are asked together`, async () => {
    const held = new HeldHandler();
    await using server = await serveDoh(version, held.handle);
    await using client = await connectDoh(version, server.port);
    const responses = [1, 2, 3].map((id) => client.request(get(buildQuery({ id }))));
    await held.begun(3);
    for (const index of [2, 0, 1]) held.answer(index);
    const bodies = (await Promise.all(responses)).map(({ body }) => body.readUInt16BE(0));
    assert.deepEqual(bodies, [1, 2, 3]);
  });
  const tooLong = { method: 'POST', headers: { 'content-type': DNS_MESSAGE }, body: new Uint8Array(65_536) };
  const refused = [
    ['another path', { ...get(buildQuery()), path: '/other' }, 404],
    ['no parameter', { path: '/dns-query' }, 400],
    ['padding', { path: '/dns-query?dns=AAA=' }, 400],
    ['a short message', post(new Uint8Array(11)), 400],
    ['a response', post(RESPONSE), 400],
    ['another method', { ...get(buildQuery()), method: 'PUT' }, 405],
    ['another type', post(buildQuery(), { 'content-type': 'text/plain' }), 415],
    ['too long', tooLong, 413],
    ['a web page', { ...get(buildQuery()), headers: { origin: 'https://x.example' } }, 403],
  ] as const;
  for (const [name, spec, status] of refused) {
    test(`${version}: ${name} gets ${status}`, async () => {
      await using server = await serveDoh(version, ({ scan, wire }, reply) =>
        scan.verdict === 'ok' ? echo({ wire } as never, reply) : 0,
      );
      await using client = await connectDoh(version, server.port);
      const response = await client.request(spec);
      assert.equal(response.status, status);
      assert.equal(response.body.length, 0);
    });
  }
}
