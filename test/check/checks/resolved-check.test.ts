import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkResolved } from '../../../src/check/checks/resolved-check.ts';
import { createRig } from '../../system/rig.ts';
import { createResolvedRig, FROM_THE_NETWORK, factsOf, INSTALLED, silence } from '../system-facts.ts';

async function verdictOf(
  outputs: Parameters<typeof createResolvedRig>[0],
  ...flags: readonly string[]
): Promise<Verdict> {
  await using rig = await createResolvedRig(outputs);
  return await checkResolved(factsOf(rig, ...flags));
}

test('without systemd-resolved the check is skipped, and one that does not tell is a warning', async () => {
  await using without = await createRig();
  assert.equal((await checkResolved(factsOf(without))).status, 'skip');
  await using rig = await createResolvedRig({});
  silence(rig);
  assert.equal((await checkResolved(factsOf(rig))).status, 'warn');
});

test('after `dns4tor install`, systemd-resolved is right', async () => {
  const { status, line } = await verdictOf(INSTALLED);
  assert.equal(status, 'ok');
  assert.match(line, /no server of a link$/);
});

test('a systemd-resolved that asks others is a warning, unless dns4tor is not on port 53', async () => {
  const links = await verdictOf(FROM_THE_NETWORK);
  assert.equal(links.status, 'warn');
  assert.match(links.line, /servers of its links/);
  assert.match(links.advice ?? '', /dns4tor install/);
  const other = await verdictOf({ ...INSTALLED, dns: 'Global: 9.9.9.9\n' });
  assert.equal(other.status, 'warn');
  assert.match(other.line, /\b9\.9\.9\.9\b/);
  assert.equal((await verdictOf(FROM_THE_NETWORK, '--port', '5053')).status, 'skip');
});

test('a link for all names, as a VPN sets it up, is named', async () => {
  const { status, line, advice } = await verdictOf({
    dns: 'Global: 127.0.0.1\nLink 2 (eth0): 192.168.1.1\nLink 5 (tun0): 10.8.0.1\n',
    domain: 'Global: ~.\nLink 2 (eth0):\nLink 5 (tun0): ~.\n',
  });
  assert.equal(status, 'warn');
  assert.match(line, /\btun0 \(10\.8\.0\.1\) for all names$/);
  assert.match(advice ?? '', /resolvectl revert/);
});

test('a link for some names is asked only for them, and each link is listed separately', async () => {
  const { status, line } = await verdictOf({
    dns: 'Global: 127.0.0.1\nLink 5 (tun0): 10.8.0.1\nLink 6 (tun1): 10.9.0.1\n',
    domain: 'Global: ~.\nLink 5 (tun0): ~corp.example\nLink 6 (tun1): ~.\n',
  });
  assert.equal(status, 'warn');
  assert.match(line, /tun0 \(10\.8\.0\.1\) for names below its domains, tun1 \(10\.9\.0\.1\) for all names$/);
});

test('without a scope for all names, every link is asked for them, except those with only routing domains', async () => {
  const dns = 'Global: 127.0.0.1\nLink 2 (eth0): 192.168.1.1\n';
  const byDefault = await verdictOf({ dns, domain: 'Global:\nLink 2 (eth0):\n' });
  assert.match(byDefault.line, /eth0 \(192\.168\.1\.1\) for all names$/);
  const onlyItsOwn = await verdictOf({ dns, domain: 'Global:\nLink 2 (eth0): ~lan\n' });
  assert.match(onlyItsOwn.line, /for names below its domains$/);
});

test('a link whose server is dns4tor is no bypass', async () => {
  assert.equal((await verdictOf({ dns: 'Global: 127.0.0.1\nLink 2 (eth0): 127.0.0.1\n', domain: '' })).status, 'ok');
});

test('LLMNR and mDNS are a warning if a link also enables them', async () => {
  const on = { llmnr: 'Global: yes\nLink 2 (eth0): yes\n', mdns: 'Global: yes\nLink 2 (eth0): no\n' };
  const { status, line } = await verdictOf({ ...INSTALLED, ...on });
  assert.equal(status, 'warn');
  assert.match(line, /\(LLMNR\)$/);
  assert.equal((await verdictOf({ ...INSTALLED, llmnr: 'Global: no\nLink 2 (eth0): yes\n' })).status, 'ok');
});
