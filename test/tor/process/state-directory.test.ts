import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateDirectory } from '../../../src/tor/process/state-directory.ts';
import { asOtherUser, UNKNOWN_USER } from '../../fixtures/process/other-user.ts';

test("the state directory is systemd's, else XDG's, else below the home directory", () => {
  const home = { HOME: '/home/alice' };
  const xdg = { ...home, XDG_STATE_HOME: '/state' };
  assert.equal(stateDirectory({ ...xdg, STATE_DIRECTORY: '/var/lib/dns4tor:/var/lib/other' }), '/var/lib/dns4tor');
  assert.equal(stateDirectory(xdg), '/state/dns4tor');
  assert.equal(stateDirectory({ ...home, XDG_STATE_HOME: 'relative' }), '/home/alice/.local/state/dns4tor');
  assert.equal(stateDirectory(home), '/home/alice/.local/state/dns4tor');
});

test('a user without a home directory has a state directory only if the environment names it', async () => {
  const { HOME } = process.env;
  delete process.env['HOME'];
  try {
    await asOtherUser(async () => {
      assert.throws(() => stateDirectory({}), { code: 'ERR_TOR_MANAGED', message: /STATE_DIRECTORY/ });
      assert.equal(stateDirectory({ STATE_DIRECTORY: '/var/lib/dns4tor' }), '/var/lib/dns4tor');
    }, UNKNOWN_USER);
  } finally {
    if (HOME !== undefined) process.env['HOME'] = HOME;
  }
});
