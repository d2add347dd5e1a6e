import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { startLab } from '../lab.ts';
import { testOverBoth } from '../raw-client.ts';
import type { Reply } from '../reply.ts';

/*
 * Own names: a hosts file, names of the configuration file and of the command line, with the built dns4tor.
 */

const directory = await createTemporaryDirectory();
const hosts = join(directory.path, 'hosts');
await writeFile(
  hosts,
  '192.168.1.5 nas.lan nas\nfd00::5 nas.lan\nwrong line\n192.168.1.9 changed.lan\n127.0.0.1 localhost\n',
);
const config = join(directory.path, 'dns4tor.toml');
await writeFile(
  config,
  '[names]\n"printer.lan" = ["192.168.1.7", "192.168.1.8"]\n"www.lan" = "www.example.com"\nchanged.lan = "192.168.1.10"\n',
);

const lab = await startLab('--hosts', hosts, '--config', config);
after(async () => {
  await lab[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

function records({ answers }: Reply): readonly string[] {
  return answers.map(({ name, type, data }) => `${name} ${type} ${String(data)}`);
}

testOverBoth(
  'names of a hosts file are answered locally, and their addresses by their first name',
  async (transport) => {
    const query = async (name: string, type = 'A'): Promise<readonly string[]> =>
      records(await lab.ask(transport, { name, type, edns: {} }));
    assert.deepEqual(await query('NAS.lan'), ['NAS.lan A 192.168.1.5']);
    assert.deepEqual(await query('nas.lan', 'AAAA'), ['nas.lan AAAA fd00::5']);
    assert.deepEqual(await query('nas'), ['nas A 192.168.1.5']);
    assert.deepEqual(await query('5.1.168.192.in-addr.arpa', 'PTR'), ['5.1.168.192.in-addr.arpa PTR nas.lan']);
    const other = await lab.ask(transport, { name: 'nas.lan', type: 'MX' });
    assert.deepEqual([other.rcode, other.answers.length, other.authorities.length], ['NOERROR', 0, 1]);
  },
);

testOverBoth(
  'names of the configuration file are answered locally, and replace those of a hosts file',
  async (transport) => {
    assert.deepEqual(records(await lab.ask(transport, { name: 'printer.lan' })), [
      'printer.lan A 192.168.1.7',
      'printer.lan A 192.168.1.8',
    ]);
    assert.deepEqual(records(await lab.ask(transport, { name: 'changed.lan' })), ['changed.lan A 192.168.1.10']);
  },
);

testOverBoth('an alias has the records of its target, which alone goes to the resolver', async (transport) => {
  assert.deepEqual(records(await lab.ask(transport, { name: 'www.lan', edns: {} })), [
    'www.lan CNAME www.example.com',
    'www.example.com A 192.0.2.1',
  ]);
  assert.equal(lab.asked('www.example.com'), 1);
});

test('localhost means this machine, whatever a hosts file says', async () => {
  assert.deepEqual(records(await lab.ask('udp', { name: 'localhost', type: 'AAAA' })), ['localhost AAAA ::1']);
});

test('wrong lines are logged by number, and names are counted', async () => {
  assert.equal(await lab.counter('dns4tor_local_names', { source: 'own' }), 10);
  assert.match(lab.daemon.process.output, /Ignored lines of a hosts file.*count=1 lines=3/);
});

test('the resolver has seen no own name', () => {
  for (const name of ['nas.lan', 'nas', 'printer.lan', 'www.lan', 'changed.lan', '5.1.168.192.in-addr.arpa']) {
    assert.equal(lab.asked(name), 0, name);
  }
});
