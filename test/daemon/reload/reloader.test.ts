import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../src/config/config-problem.ts';
import { loadSettings, type Sources } from '../../../src/config/load.ts';
import { validate } from '../../../src/config/validate.ts';
import { type Apply, type Reloadable, Reloader } from '../../../src/daemon/reload/reloader.ts';
import type { LoadedConfig } from '../../../src/daemon/reload/restart-options.ts';
import { nextTurn } from '../../../src/lib/clock.ts';
import type { LogEvent, LogField } from '../../../src/log/log-events.ts';
import type { PreparedAnswer } from '../../../src/message/answer/prepared-answer.ts';
import { createCounters } from '../../../src/metrics/counters.ts';
import { createCache, dataAnswer } from '../../cache/cache-rig.ts';
import { ask } from '../../fixtures/dns/messages.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';

function load(flags: Sources['flags']): LoadedConfig {
  const loaded = loadSettings({ flags, env: {} });
  return { settings: loaded.settings, config: validate(loaded) };
}

/** Lets everything happen that waits for nothing else. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** A reloader whose parts and sources a test controls. */
class Rig {
  flags: Sources['flags'] = {};
  loads = 0;
  readonly log: Partial<Record<LogField | 'event', unknown>>[] = [];
  readonly notices: string[] = [];
  readonly counters = createCounters([], 0);
  readonly cache = createCache(100_000).cache;
  readonly reloader: Reloader;

  constructor(...parts: readonly Reloadable[]) {
    this.reloader = new Reloader(
      {
        clock: new ManualClock(),
        logger: {
          log: (_, event: LogEvent, fields) => void this.log.push({ event, ...fields }),
          [Symbol.dispose]: () => {},
        },
        metrics: this.counters,
        cache: this.cache,
        load: () => {
          this.loads++;
          return load(this.flags);
        },
        parts,
        notice: { reloading: () => this.notices.push('reloading'), reloaded: () => this.notices.push('reloaded') },
      },
      load({}),
    );
  }

  get events(): unknown[] {
    return this.log.map(({ event }) => event);
  }

  outcomes(): Record<string, number> {
    return Object.fromEntries(
      this.counters.totals.reloads.entries().map(({ labels, count }) => [labels['outcome'], count]),
    );
  }
}

const part = (apply: Apply): Reloadable => ({ prepare: () => Promise.resolve(apply) });

test('a reload puts all parts into force, then logs and counts it, and tells the service manager', async () => {
  const applied: string[] = [];
  const first = part(() => void applied.push('first'));
  const second: Reloadable = {
    prepare:
      async ({ timeoutMs }) =>
      () =>
        void applied.push(`second ${timeoutMs}`),
  };
  const rig = new Rig(first, second);
  rig.flags = { timeout: ['3s'] };
  rig.reloader.request();
  await turns(20);
  assert.deepEqual(applied, ['first', 'second 3000']);
  assert.deepEqual(rig.events, ['reloaded']);
  assert.deepEqual(rig.outcomes(), { success: 1, failure: 0 });
  assert.deepEqual(rig.notices, ['reloading', 'reloaded']);
});

test('of wrong settings, each problem is logged on its own line, and nothing is prepared', async () => {
  const rig = new Rig({ prepare: () => assert.fail('prepared') });
  rig.flags = { timeout: ['0s'], circuits: ['99'], port: ['x'], prefetch: ['1'], metrics: ['x'], isolate: ['y'] };
  rig.reloader.request();
  await turns(20);
  assert.deepEqual(
    rig.log.map(({ event, number, total, code }) => [event, number, total, code]),
    [1, 2, 3, 4, 5, 6].map((number) => ['reload_failed', number, 6, 'ERR_CONFIG']),
  );
  assert.deepEqual(rig.outcomes(), { success: 0, failure: 1 });
  assert.deepEqual(rig.notices, ['reloading', 'reloaded']);
});

test('if a part cannot be prepared, no part is put into force, and the problems of all parts are logged', async () => {
  const failing = (problem: string): Reloadable => ({
    prepare: () => Promise.reject(new ConfigError([{ problem, remedy: 'correct it' }])),
  });
  const rig = new Rig(
    part(() => assert.fail('applied')),
    failing('one'),
    failing('two'),
  );
  rig.reloader.request();
  await turns(20);
  assert.deepEqual(
    rig.log.map(({ event, reason }) => [event, reason]),
    [
      ['reload_failed', 'one; correct it'],
      ['reload_failed', 'two; correct it'],
    ],
  );
});

test('cached answers stay if all parts would give them', async () => {
  const rejects =
    (name: string): Apply =>
    () =>
    ({ bytes, start }: PreparedAnswer) =>
      !Buffer.from(bytes.subarray(start)).includes(name);
  const rig = new Rig(
    part(rejects('one')),
    part(() => undefined),
    part(rejects('two')),
  );
  for (const name of ['one.example', 'two.example', 'three.example']) {
    rig.cache.insert(ask({ name }), dataAnswer(name));
  }
  rig.reloader.request();
  await turns(20);
  assert.equal(rig.cache.entries.success, 1);
  assert.ok(rig.cache.lookup(ask({ name: 'three.example' })));
  assert.equal(rig.log[0]?.removed, 2);
});

test('options that need a restart are named in one line, also by the next reload', async () => {
  const rig = new Rig();
  rig.flags = { port: ['5300'], 'cache-size': ['1MiB'], timeout: ['3s'] };
  for (let times = 1; times <= 2; times++) {
    rig.reloader.request();
    await turns(20);
    assert.deepEqual(rig.events, ['restart_needed', 'reloaded']);
    assert.equal(rig.log[0]?.kept, 'port, cache-size');
    rig.log.length = 0;
  }
});

test('requests during a reload cause one more, with what is then in the file', async () => {
  const prepared = Promise.withResolvers<Apply>();
  const rig = new Rig({ prepare: () => prepared.promise });
  rig.reloader.request();
  await turns(5);
  for (let times = 0; times < 100; times++) rig.reloader.request();
  await turns(5);
  assert.equal(rig.loads, 1);
  prepared.resolve(() => undefined);
  await turns(20);
  assert.deepEqual([rig.loads, rig.events], [2, ['reloaded', 'reloaded']]);
});

test('a disposed reloader puts nothing into force, even if a reload has begun', async () => {
  const prepared = Promise.withResolvers<Apply>();
  const rig = new Rig({ prepare: () => prepared.promise });
  rig.reloader.request();
  rig.reloader[Symbol.dispose]();
  prepared.resolve(() => assert.fail('applied'));
  rig.reloader.request();
  await turns(20);
  assert.deepEqual([rig.loads, rig.events], [1, []]);
});
