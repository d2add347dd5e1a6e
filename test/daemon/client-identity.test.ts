import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClientOf } from '../../src/daemon/client-identity.ts';
import type { Query } from '../../src/model/query.ts';
import { ask } from '../fixtures/dns/messages.ts';

/** Finds the given owners and records the lookups. */
function owners(found: number | undefined): {
  readonly lookedFor: string[];
  find(...args: readonly [string, string, number]): Promise<number | undefined>;
} {
  const lookedFor: string[] = [];
  return {
    lookedFor,
    async find(...args) {
      lookedFor.push(args.join(' '));
      return found;
    },
  };
}

const from = (client: string, transport: Query['transport'] = 'udp'): Query => ({
  ...ask({}, transport),
  client,
  clientPort: 40_001,
});

test('a local client is identified by its user, over any loopback address and transport', async () => {
  const user = owners(1000);
  const clientOf = createClientOf(user);
  const names = [from('127.0.0.1'), from('127.0.0.2', 'tcp'), from('::1')].map(clientOf);
  assert.deepEqual(await Promise.all(names), ['user 1000', 'user 1000', 'user 1000']);
  assert.deepEqual(user.lookedFor, ['udp 127.0.0.1 40001', 'tcp 127.0.0.2 40001', 'udp ::1 40001']);
});

test('a remote client is identified by its address, without a lookup among local sockets', async () => {
  const nobody = owners(1000);
  const clientOf = createClientOf(nobody);
  assert.equal(await clientOf(from('192.0.2.1')), '192.0.2.1');
  assert.equal(await clientOf(from('2001:db8::1')), '2001:db8::1');
  assert.deepEqual(nobody.lookedFor, []);
});

test('a local client whose user is unknown is identified by its address', async () => {
  assert.equal(await createClientOf(owners(undefined))(from('127.0.0.1')), '127.0.0.1');
});
