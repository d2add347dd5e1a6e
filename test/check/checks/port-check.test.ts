import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkPort } from '../../../src/check/checks/port-check.ts';
import type { LocalFinding } from '../../../src/check/probe-local.ts';
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

test('no other program uses the port', async () => {
  const { status, line } = await verdict(OURS);
  assert.equal(status, 'ok');
  assert.match(line, /\bport 53$/);
});

test('programs at other addresses are named, and do not conflict', async () => {
  const stub = TRANSPORTS.map((transport) => has('systemd-resolve', '127.0.0.53', transport));
  const { status, line } = await verdict([...OURS, ...stub, has('dnsmasq', '192.168.122.1')]);
  assert.equal(status, 'ok');
  assert.match(line, /systemd-resolve \(127\.0\.0\.53:53\), dnsmasq \(192\.168\.122\.1:53\)/);
});

test('a program at dns4tor’s address is named, or its user if the program is hidden', async () => {
  const taken = await verdict([has('unbound', '127.0.0.1')], 'another');
  assert.equal(taken.status, 'fail');
  assert.match(taken.line, /^unbound \(127\.0\.0\.1:53\)/);
  assert.match((await verdict([has('', '127.0.0.1')], 'another')).line, /\buser 100\b/);
});

test('a dns4tor that does not answer, or is another version, is not a conflict', async () => {
  for (const who of ['nobody', 'another'] as const) {
    const own = await verdict([has('dns4tor', '127.0.0.1')], who);
    assert.equal(own.status, 'ok', who);
    assert.match(own.line, /\bport 53$/, who);
    const systemds = await verdict([has('systemd', '127.0.0.1')], who, true);
    assert.equal(systemds.status, 'ok', who);
    const unseen = await verdict([{ ...has('', '127.0.0.1'), uid: 0 }], who, true);
    assert.equal(unseen.status, 'ok', who);
  }
});

test('systemd conflicts if it holds the port for another service, and so do programs besides dns4tor.socket', async () => {
  assert.equal((await verdict([has('systemd', '127.0.0.1')], 'nobody')).status, 'fail');
  const { status, advice } = await verdict([has('unbound', '127.0.0.1')], 'nobody', true);
  assert.equal(status, 'fail');
  assert.match(advice ?? '', /listening/);
});

test('a program at all addresses prevents a start, and is a warning while dns4tor runs', async () => {
  assert.equal((await verdict([has('dnsmasq', '0.0.0.0')], 'nobody')).status, 'fail');
  assert.equal((await verdict([...OURS, has('dnsmasq', '::')])).status, 'warn');
});

test('without information on the port, the check is skipped', async () => {
  assert.equal((await verdict(undefined)).status, 'skip');
});
