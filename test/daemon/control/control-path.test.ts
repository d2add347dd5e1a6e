import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlPath, controlPaths } from '../../../src/daemon/control/control-path.ts';

const AUTO = { kind: 'auto' } as const;

test('the daemon takes commands in the runtime directory of its unit, else of its user, else in its state directory', () => {
  const user = { XDG_RUNTIME_DIR: '/run/user/1000', HOME: '/home/ann' };
  assert.equal(controlPath(AUTO, { ...user, RUNTIME_DIRECTORY: '/run/dns4tor:/run/other' }), '/run/dns4tor/control');
  assert.equal(controlPath(AUTO, user), '/run/user/1000/dns4tor/control');
  assert.equal(
    controlPath(AUTO, { HOME: '/home/ann', XDG_RUNTIME_DIR: 'relative' }),
    '/home/ann/.local/state/dns4tor/control',
  );
  assert.equal(controlPath(AUTO, { STATE_DIRECTORY: '/var/lib/dns4tor' }), '/var/lib/dns4tor/control');
});

test('root looks for the service first, other users for their own daemon', () => {
  const env = { XDG_RUNTIME_DIR: '/run/user/1000' };
  const own = '/run/user/1000/dns4tor/control';
  assert.deepEqual(controlPaths(AUTO, env, true), ['/run/dns4tor/control', own]);
  assert.deepEqual(controlPaths(AUTO, env, false), [own, '/run/dns4tor/control']);
});

test('a path that is given is the only one, and with none there is none', () => {
  const given = { kind: 'unix', path: '/tmp/control' } as const;
  assert.equal(controlPath(given, {}), '/tmp/control');
  assert.deepEqual(controlPaths(given, {}, true), ['/tmp/control']);
  assert.equal(controlPath({ kind: 'none' }, {}), undefined);
  assert.deepEqual(controlPaths({ kind: 'none' }, {}, true), []);
});
