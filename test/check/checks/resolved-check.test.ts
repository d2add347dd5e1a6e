import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkResolved } from '../../../src/check/checks/resolved-check.ts';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { createRig } from '../../system/rig.ts';
import { createResolvedRig, factsOf, FROM_THE_NETWORK, INSTALLED, silence } from '../system-facts.ts';

async function verdictOf(says: Parameters<typeof createResolvedRig>[0], ...flags: readonly string[]): Promise<Verdict> {
  await using rig = await createResolvedRig(says);
  return await checkResolved(factsOf(rig, ...flags));
}

test('where systemd-resolved does not run there is nothing to say, and where it is silent there is', async () => {
  await using without = await createRig();
  assert.equal((await checkResolved(factsOf(without))).status, 'skip');
  await using rig = await createResolvedRig({});
  silence(rig);
  assert.equal((await checkResolved(factsOf(rig))).status, 'warn');
});

test('as `dns4tor install` leaves it, it is right', async () => {
  const { status, line } = await verdictOf(INSTALLED);
  assert.deepEqual([status, line], ['ok', 'systemd-resolved asks dns4tor, and no server of a link']);
});

test('one that asks others is a warning, but for a dns4tor that is not on port 53', async () => {
  const links = await verdictOf(FROM_THE_NETWORK);
  assert.equal(links.status, 'warn');
  assert.match(links.line, /^systemd-resolved asks the servers of its links, /);
  assert.match(links.advice ?? '', /dns4tor install/);
  assert.match(
    (await verdictOf({ ...INSTALLED, dns: 'Global: 9.9.9.9\n' })).line,
    /^systemd-resolved asks 9\.9\.9\.9, /,
  );
  assert.equal((await verdictOf(FROM_THE_NETWORK, '--port', '5353')).status, 'skip');
});

test('a link that is for all names is named, as a VPN makes it', async () => {
  const { status, line, advice } = await verdictOf({
    dns: 'Global: 127.0.0.1\nLink 2 (eth0): 192.168.1.1\nLink 5 (tun0): 10.8.0.1\n',
    domain: 'Global: ~.\nLink 2 (eth0):\nLink 5 (tun0): ~.\n',
  });
  assert.equal(status, 'warn');
  assert.equal(line, 'beside dns4tor, systemd-resolved asks the servers of tun0 (10.8.0.1) for all names');
  assert.match(advice ?? '', /resolvectl revert/);
});

test('a link that is for some names is asked for those, and each link is told for itself', async () => {
  const { status, line } = await verdictOf({
    dns: 'Global: 127.0.0.1\nLink 5 (tun0): 10.8.0.1\nLink 6 (tun1): 10.9.0.1\n',
    domain: 'Global: ~.\nLink 5 (tun0): ~corp.example\nLink 6 (tun1): ~.\n',
  });
  assert.equal(status, 'warn');
  assert.match(line, /tun0 \(10\.8\.0\.1\) for names below its domains, tun1 \(10\.9\.0\.1\) for all names$/);
});

test('where nobody is for all names, each link is that has not only names of its own', async () => {
  const dns = 'Global: 127.0.0.1\nLink 2 (eth0): 192.168.1.1\n';
  const byDefault = await verdictOf({ dns, domain: 'Global:\nLink 2 (eth0):\n' });
  assert.match(byDefault.line, /eth0 \(192\.168\.1\.1\) for all names$/);
  const onlyItsOwn = await verdictOf({ dns, domain: 'Global:\nLink 2 (eth0): ~lan\n' });
  assert.match(onlyItsOwn.line, /for names below its domains$/);
});

test('a link whose server is dns4tor goes around nobody', async () => {
  assert.equal((await verdictOf({ dns: 'Global: 127.0.0.1\nLink 2 (eth0): 127.0.0.1\n', domain: '' })).status, 'ok');
});

test('LLMNR and mDNS are a warning where a link has them, too', async () => {
  const on = { llmnr: 'Global: yes\nLink 2 (eth0): yes\n', mdns: 'Global: yes\nLink 2 (eth0): no\n' };
  const { status, line } = await verdictOf({ ...INSTALLED, ...on });
  assert.equal(status, 'warn');
  assert.match(line, /\(LLMNR\)$/);
  assert.equal((await verdictOf({ ...INSTALLED, llmnr: 'Global: no\nLink 2 (eth0): yes\n' })).status, 'ok');
});
