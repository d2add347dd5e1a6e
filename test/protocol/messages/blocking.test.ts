import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { rawName } from '../../fixtures/dns/messages.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { startLab } from '../lab.ts';
import { testOverBoth } from '../raw-client.ts';
import type { Reply } from '../reply.ts';
import { addressOf, alias, answering, QNAME } from '../upstream-messages.ts';

/*
 * Block lists in their three formats, an allow list, aliases of blocked names, and private addresses, with the built
 * dns4tor.
 */

const BLOCKED = 15;

const directory = await createTemporaryDirectory();
const paths = Object.fromEntries(
  ['hosts', 'names', 'adblock', 'allow'].map((name) => [name, join(directory.path, name)]),
);
const { hosts = '', names = '', adblock = '', allow = '' } = paths;
await writeFile(hosts, '127.0.0.1 localhost\n0.0.0.0 hosts.example.com\n');
await writeFile(names, '# plain\nplain.example.com\nthis line is not understood\n');
await writeFile(adblock, '! AdBlock\n||adblock.example.com^\n||adblock.example.com^$third-party\n');
await writeFile(allow, '@@||good.plain.example.com^\n');

const lists = ['--blocklist', hosts, '--blocklist', `${names},${adblock}`, '--allowlist', allow];
const lab = await startLab(...lists, '--private-answers-for', 'media.example.com');
const zero = await startLab(...lists, '--block-answer', 'zero');
after(async () => {
  await lab[Symbol.asyncDispose]();
  await zero[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const NAMES = [
  'hosts.example.com',
  'plain.example.com',
  'x.plain.example.com',
  'AdBlock.example.com',
  'x.adblock.example.com',
];

function outcome({ rcode, ede, answers, authorities }: Reply): unknown {
  return [rcode, ede?.code, answers.map(({ data }) => data), authorities.map(({ type }) => type)];
}

testOverBoth('a name of a list in any format does not exist, with the reason and an SOA record', async (transport) => {
  for (const name of NAMES) {
    for (const type of ['A', 'AAAA', 'UNKNOWN_65']) {
      assert.deepEqual(outcome(await lab.ask(transport, { name, type, edns: {} })), ['NXDOMAIN', BLOCKED, [], ['SOA']]);
    }
    assert.equal(lab.asked(name), 0);
  }
});

testOverBoth('--block-answer zero: a name of a list has the unspecified addresses', async (transport) => {
  const query = async (type: string): Promise<unknown> =>
    outcome(await zero.ask(transport, { name: 'x.plain.example.com', type, edns: {} }));
  assert.deepEqual(await query('A'), ['NOERROR', BLOCKED, ['0.0.0.0'], []]);
  assert.deepEqual(await query('AAAA'), ['NOERROR', BLOCKED, ['::'], []]);
  assert.deepEqual(await query('TXT'), ['NOERROR', BLOCKED, [], ['SOA']]);
});

testOverBoth('names that no list has, and names of the allow list, are resolved', async (transport) => {
  for (const name of ['x.hosts.example.com', 'good.plain.example.com', 'x.good.plain.example.com', 'example.com']) {
    assert.deepEqual(outcome(await lab.ask(transport, { name, edns: {} })), ['NOERROR', undefined, ['192.0.2.1'], []]);
  }
});

testOverBoth('an alias of a blocked name is blocked, and its answer is cached', async (transport) => {
  const name = `cloaked-${transport}.example.com`;
  const target = rawName('x', 'plain', 'example', 'com');
  lab.behave(name, answering({ answers: [alias(QNAME, target), addressOf(target)] }));
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(outcome(await lab.ask(transport, { name, edns: {} })), ['NXDOMAIN', BLOCKED, [], ['SOA']]);
  }
  assert.equal(lab.asked(name), 1);
});

testOverBoth('private addresses of a public name are removed, unless the domain is exempt', async (transport) => {
  const answers = [192, 10].map((first) => {
    const record = addressOf();
    record[12] = first;
    return record;
  });
  const rebinding = `rebind-${transport}.example.com`;
  const exempt = `${transport}.media.example.com`;
  for (const name of [rebinding, exempt]) lab.behave(name, answering({ answers }));
  assert.deepEqual(outcome(await lab.ask(transport, { name: rebinding, edns: {} })), [
    'NOERROR',
    BLOCKED,
    ['192.0.2.1'],
    [],
  ]);
  assert.deepEqual(outcome(await lab.ask(transport, { name: exempt, edns: {} })), [
    'NOERROR',
    undefined,
    ['192.0.2.1', '10.0.2.1'],
    [],
  ]);
  lab.behave(rebinding.toUpperCase(), undefined);
  const only = `only-${transport}.example.com`;
  lab.behave(only, answering({ answers: answers.slice(1) }));
  assert.deepEqual(outcome(await lab.ask(transport, { name: only, edns: {} })), ['NOERROR', BLOCKED, [], ['SOA']]);
});

test('each list is logged with its number of names and of lines that are not understood', () => {
  assert.match(lab.daemon.process.output, /Loaded a list of names .*file=\S*\/hosts list=block names=1 skipped=0/);
  assert.match(lab.daemon.process.output, /file=\S*\/names list=block names=1 skipped=1/);
  assert.match(lab.daemon.process.output, /file=\S*\/adblock list=block names=1 skipped=1/);
  assert.match(lab.daemon.process.output, /file=\S*\/allow list=allow names=1 skipped=0/);
});

test('what is blocked is counted by reason, and the names of lists are counted', async () => {
  assert.equal(await lab.counter('dns4tor_blocked_total', { reason: 'list' }), 2 * NAMES.length * 3);
  assert.equal(await lab.counter('dns4tor_blocked_total', { reason: 'alias' }), 2);
  assert.equal(await lab.counter('dns4tor_blocked_total', { reason: 'private' }), 4);
  assert.equal(await lab.counter('dns4tor_local_names', { source: 'block' }), 3);
  assert.equal(await lab.counter('dns4tor_local_names', { source: 'allow' }), 1);
});
