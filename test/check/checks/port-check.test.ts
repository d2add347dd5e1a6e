import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPort } from '../../../src/check/checks/port-check.ts';
import type { LocalFinding } from '../../../src/check/probe-local.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import type { PortHolder } from '../../../src/system/sockets/port-holders.ts';
import { configOf } from '../config-of.ts';

const ADDRESSES = ['127.0.0.1'];
const TRANSPORTS = ['udp', 'tcp'] as const;

function has(program: string, address: string, transport: 'udp' | 'tcp' = 'udp'): PortHolder {
  return { transport, address, uid: 100, programs: program === '' ? [] : [program] };
}

function verdict(
  holders: readonly PortHolder[] | undefined,
  who: LocalFinding['who'] = 'dns4tor',
  isOwnSocketOpen = false,
): Promise<Verdict> {
  return checkPort({
    config: configOf(),
    addresses: ADDRESSES,
    local: async () => TRANSPORTS.map((transport) => ({ address: '127.0.0.1', transport, who })),
    portHolders: async () => holders,
    isOwnSocketOpen: async () => isOwnSocketOpen,
  });
}

const OURS = TRANSPORTS.map((transport) => has('node', '127.0.0.1', transport));

test('nobody else has it', async () => {
  assert.deepEqual(await verdict(OURS), { status: 'ok', line: 'nobody else has port 53' });
});

test('others at other addresses are named, and not in the way', async () => {
  const stub = TRANSPORTS.map((transport) => has('systemd-resolve', '127.0.0.53', transport));
  assert.deepEqual(await verdict([...OURS, ...stub, has('dnsmasq', '192.168.122.1')]), {
    status: 'ok',
    line: 'systemd-resolve (127.0.0.53:53), dnsmasq (192.168.122.1:53), not in the way',
  });
});

test('another at our address is named, by its user where the program is not to be seen', async () => {
  const taken = await verdict([has('unbound', '127.0.0.1')], 'another');
  assert.deepEqual([taken.status, taken.line], ['fail', 'unbound (127.0.0.1:53) has what dns4tor is to have']);
  assert.match((await verdict([has('', '127.0.0.1')], 'another')).line, /^a program of user 100 /);
});

test('a dns4tor that does not answer, or is another version, is not told to be stopped', async () => {
  for (const who of ['nobody', 'another'] as const) {
    const own = await verdict([has('dns4tor', '127.0.0.1')], who);
    assert.deepEqual(own, { status: 'ok', line: 'nobody else has port 53' }, who);
    const systemds = await verdict([has('systemd', '127.0.0.1')], who, true);
    assert.equal(systemds.status, 'ok', who);
    const unseen = await verdict([{ ...has('', '127.0.0.1'), uid: 0 }], who, true);
    assert.equal(unseen.status, 'ok', who);
  }
});

test('systemd is in the way where it has the port for another, and so are others beside its socket for dns4tor', async () => {
  assert.equal((await verdict([has('systemd', '127.0.0.1')], 'nobody')).status, 'fail');
  const { status, advice } = await verdict([has('unbound', '127.0.0.1')], 'nobody', true);
  assert.equal(status, 'fail');
  assert.match(advice ?? '', /listening/);
});

test('another at all addresses keeps dns4tor from starting, and is odd where it runs', async () => {
  assert.equal((await verdict([has('dnsmasq', '0.0.0.0')], 'nobody')).status, 'fail');
  assert.equal((await verdict([...OURS, has('dnsmasq', '::')])).status, 'warn');
});

test('where nothing is known there is nothing to say', async () => {
  assert.equal((await verdict(undefined)).status, 'skip');
});
