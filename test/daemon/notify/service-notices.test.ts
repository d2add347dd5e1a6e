import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceNotices } from '../../../src/daemon/notify/service-notices.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

const MINUTE_MS = 60_000;

interface Rig {
  readonly clock: ManualClock;
  readonly messages: string[][];
  readonly notices: ServiceNotices;
  headline: string;
}

function create(): Rig {
  const clock = new ManualClock();
  const messages: string[][] = [];
  const rig = { clock, messages, headline: 'Starting: one.' };
  const channel = { send: (...assignments: readonly string[]) => void messages.push([...assignments]) };
  return Object.assign(rig, { notices: new ServiceNotices({ clock, channel, headline: () => rig.headline }) });
}

test('it is ready at once, with its status', () => {
  const { messages } = create();
  assert.deepEqual(messages, [['READY=1', 'STATUS=Starting: one.']]);
});

test('the status is sent when it changes, within seconds, and not otherwise', () => {
  const rig = create();
  rig.clock.advance(MINUTE_MS);
  assert.equal(rig.messages.length, 1);
  rig.headline = 'Working: two.';
  rig.clock.advance(3000);
  assert.deepEqual(rig.messages.at(-1), ['STATUS=Working: two.']);
  rig.clock.advance(MINUTE_MS);
  assert.equal(rig.messages.length, 2);
});

test('a reload begins with the time of the monotonic clock, and ends by being ready', () => {
  const rig = create();
  rig.clock.advance(1500);
  rig.notices.reloading();
  assert.deepEqual(rig.messages.at(-1), ['RELOADING=1', 'MONOTONIC_USEC=1500000']);
  rig.headline = 'Working: two.';
  rig.notices.reloaded();
  assert.deepEqual(rig.messages.at(-1), ['READY=1', 'STATUS=Working: two.']);
});

test('the stop is announced once, and nothing follows it', () => {
  const rig = create();
  rig.notices[Symbol.dispose]();
  assert.equal(rig.messages.at(-1)?.[0], 'STOPPING=1');
  rig.headline = 'Not working: three.';
  rig.clock.advance(MINUTE_MS);
  assert.equal(rig.messages.length, 2);
  assert.equal(rig.clock.pendingTimers, 0);
});
