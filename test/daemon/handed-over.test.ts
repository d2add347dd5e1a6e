import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HandedOver, NOT_HANDED_OVER, takeHandedOver } from '../../src/daemon/handed-over.ts';

const PID = 4711;

function take(count: string, names?: string): HandedOver {
  return takeHandedOver({ LISTEN_PID: String(PID), LISTEN_FDS: count, LISTEN_FDNAMES: names }, PID);
}

test('descriptors start after stderr, and their names say what they are for', () => {
  assert.deepEqual(take('3', 'dns:metrics:dns'), { ...NOT_HANDED_OVER, dns: [3, 5], metrics: 4 });
  assert.deepEqual(take('1', 'metrics'), { ...NOT_HANDED_OVER, metrics: 3 });
  assert.deepEqual(take('5', 'dot:doh:doh-plain:dot:dns'), {
    dns: [7],
    metrics: undefined,
    dot: [3, 6],
    doh: [4],
    dohPlain: [5],
  });
  assert.deepEqual(take('0'), NOT_HANDED_OVER);
  assert.deepEqual(take('0', ''), NOT_HANDED_OVER);
});

test('unnamed descriptors are for DNS', () => {
  assert.deepEqual(take('2').dns, [3, 4]);
  assert.deepEqual(take('2', 'unknown:my-resolver.socket').dns, [3, 4]);
});

test('sockets passed to another process are ignored, and child processes do not get the variables', () => {
  for (const owner of ['4712', '', undefined]) {
    const env = { LISTEN_PID: owner, LISTEN_FDS: '2', LISTEN_FDNAMES: 'dns:dns', LISTEN_PIDFDID: '1', PATH: '/bin' };
    assert.deepEqual(takeHandedOver(env, PID), NOT_HANDED_OVER);
    assert.deepEqual(env, { PATH: '/bin' });
  }
});

test('inconsistent variables are an error that names the problem, and are still removed', () => {
  const expectations: readonly (readonly [string, string | undefined, RegExp])[] = [
    ['two', 'dns:dns', /^LISTEN_FDS is not a number/],
    ['-1', undefined, /^LISTEN_FDS is not a number/],
    ['3', 'dns:dns', /^3 descriptors have 2 names/],
    ['2', 'dns:metrcis', /^descriptor 4 is named metrcis; .*FileDescriptorName=/],
    ['2', 'metrics:metrics', /^2 descriptors are named metrics/],
  ];
  for (const [count, names, message] of expectations) {
    assert.throws(() => take(count, names), { code: 'ERR_LISTEN_FD', message });
  }
  const env = { LISTEN_PID: String(PID), LISTEN_FDS: 'two' };
  assert.throws(() => takeHandedOver(env, PID));
  assert.deepEqual(env, {});
});
