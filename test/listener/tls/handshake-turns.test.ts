import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HandshakeTurns } from '../../../src/listener/tls/handshake-turns.ts';

test('four handshakes begin at once, and four more in each turn of the event loop, in their order', async () => {
  const turns = new HandshakeTurns();
  const begun: number[] = [];
  for (let i = 0; i < 10; i++) turns.take(() => begun.push(i));
  assert.deepEqual(begun, [0, 1, 2, 3]);
  await setImmediate();
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6, 7]);
  turns.take(() => begun.push(10));
  await setImmediate();
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('the limit is per turn: handshakes that arrive one after another begin at once', async () => {
  const turns = new HandshakeTurns();
  let begun = 0;
  for (let i = 0; i < 10; i++) {
    turns.take(() => begun++);
    assert.equal(begun, i + 1);
    await setImmediate();
  }
});

test('a handshake may make another one wait', async () => {
  const turns = new HandshakeTurns();
  const begun: string[] = [];
  turns.take(() => {
    begun.push('outer');
    turns.take(() => begun.push('inner'));
  });
  await setImmediate();
  assert.deepEqual(begun, ['outer', 'inner']);
});
