import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireRoot } from '../../src/cli/commands/this-machine.ts';
import { asOtherUser } from '../fixtures/process/other-user.ts';
import { runCli } from './run-cli.ts';

for (const command of ['install', 'uninstall', 'confirm', 'pause'] as const) {
  test(`${command} has help, and is listed`, async () => {
    const { code, stdout } = await runCli([command, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^Usage: dns4tor ${command}`));
    assert.match((await runCli(['--help'])).stdout, new RegExp(`^  ${command} `, 'm'));
  });
}

for (const [args, reason] of [
  [['install', '--address', '192.168.1.2'], /is not a loopback IP address/],
  [['install', '--address', 'localhost'], /is not a loopback IP address/],
  [['install', '--port', '0'], /is out of range; give 1 to 65535/],
  [['install', '--confirm-within', '60'], /is not a duration with its unit/],
  [['pause', '2d'], /is out of range; give 10s to 1d/],
  [['pause'], /missing required argument 'duration'/],
] as const) {
  test(`${args.join(' ')}: refused before anything is read`, async () => {
    const { code, stdout, stderr } = await runCli(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^dns4tor: [^\n]+\n$/);
    assert.match(stderr, reason);
  });
}

test('other users than root are told to use sudo', async () => {
  await asOtherUser(async () =>
    assert.throws(() => requireRoot('install'), {
      code: 'ERR_SYSTEM_ROOT',
      message: /^dns4tor install: .* with sudo$/,
    }),
  );
  requireRoot('install');
});
