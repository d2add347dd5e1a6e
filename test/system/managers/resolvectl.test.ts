import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOT_FOUND, type Runner } from '../../../src/system/command.ts';
import { readResolvedLinks } from '../../../src/system/managers/resolvectl.ts';

/** A resolvectl with this output per verb. Other verbs fail. */
function saying(texts: Readonly<Record<string, string>>): Runner {
  return async ([program, ...args]) => {
    assert.deepEqual([program, args[0]], ['resolvectl', '--no-pager']);
    const stdout = texts[args[1] ?? ''];
    return stdout === undefined ? { status: 1, stdout: '', stderr: 'failed' } : { status: 0, stdout, stderr: '' };
  };
}

test('global settings and those of links are told apart', async () => {
  const found = await readResolvedLinks(
    saying({
      dns: 'Global: 127.0.0.1\nLink 2 (eth0): 192.168.1.1 fe80::1%2\nLink 5 (tun0): 10.8.0.1\n',
      domain: 'Global: ~.\nLink 2 (eth0): lan\nLink 5 (tun0): ~. corp.example\n',
      llmnr: 'Global: no\nLink 2 (eth0): yes\nLink 5 (tun0): no\n',
      mdns: 'Global: resolve\nLink 2 (eth0): no\nLink 5 (tun0): resolve\n',
    }),
  );
  assert.deepEqual(found, {
    global: { link: undefined, servers: ['127.0.0.1'], domains: ['~.'], llmnr: false, mdns: true },
    links: [
      { link: 'eth0', servers: ['192.168.1.1', 'fe80::1%2'], domains: ['lan'], llmnr: true, mdns: false },
      { link: 'tun0', servers: ['10.8.0.1'], domains: ['~.', 'corp.example'], llmnr: false, mdns: true },
    ],
  });
});

test('continuation lines are joined', async () => {
  const found = await readResolvedLinks(
    saying({ dns: 'Global:\nLink 2 (eth0): 192.0.2.1 192.0.2.2\n               192.0.2.3\n', domain: 'Global:\n' }),
  );
  assert.deepEqual(found?.global.servers, []);
  assert.deepEqual(found.links[0]?.servers, ['192.0.2.1', '192.0.2.2', '192.0.2.3']);
});

test('LLMNR and mDNS may be missing; servers may not', async () => {
  const found = await readResolvedLinks(saying({ dns: 'Global: 127.0.0.1\n', domain: 'Global: ~.\n' }));
  assert.deepEqual([found?.global.llmnr, found?.global.mdns], [false, false]);
  assert.equal(await readResolvedLinks(saying({ domain: 'Global: ~.\n' })), undefined);
});

test('without the program, the settings are unknown', async () => {
  assert.equal(await readResolvedLinks(async () => ({ status: NOT_FOUND, stdout: '', stderr: '' })), undefined);
});
