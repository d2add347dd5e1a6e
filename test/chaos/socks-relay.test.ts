import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { startSocksDouble } from '../tor/socks-double.ts';
import { startSocksRelay } from './socks-relay.ts';

test('dropped connections are reset, and new ones work', async () => {
  await using directory = await createTemporaryDirectory();
  const path = `${directory.path}/socks`;
  await using double = await startSocksDouble({ path });
  await using relay = await startSocksRelay(path);
  for (let i = 0; i < 2; i++) {
    const client = connect(relay.port, '127.0.0.1');
    client.write(Uint8Array.of(5, 1, 2));
    const [chosen] = await once(client, 'data');
    assert.deepEqual([...(chosen as Buffer)], [5, 2]);
    const reset = once(client, 'error');
    assert.equal(relay.drop(), 1);
    assert.equal(((await reset)[0] as NodeJS.ErrnoException).code, 'ECONNRESET');
    await double.deserted();
  }
});
