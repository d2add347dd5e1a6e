import assert from 'node:assert/strict';
import { messageOf } from '../../../src/log/logger.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { startLab } from '../lab.ts';

/** A documentation address (RFC 5737 §3). */
const ADDRESS = '198.51.100.1';

const ip = (...args: readonly string[]): Promise<string> => runProgram('ip', args);

await using lab = await startLab();
const ask = async (name: string): Promise<void> => {
  assert.equal((await lab.ask('udp', { name })).rcode, 'NOERROR', name);
};
await ask('before.example');
const before = lab.upstream.requests.at(-1)?.connection;

// A link is up only if both ends are.
await ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
await ip('link', 'set', 'far', 'up');
await ip('link', 'set', 'near', 'up');
await ip('address', 'add', `${ADDRESS}/24`, 'dev', 'near');
await lab.daemon.logs(messageOf('machine_moved', {}));

await ask('after.example');
assert.notEqual(lab.upstream.requests.at(-1)?.connection, before);
assert.equal(await lab.counter('dns4tor_upstream_reconnects_total', { cause: 'network' }), 1);
assert.ok(!lab.daemon.process.output.includes(ADDRESS), 'the log says which address');
