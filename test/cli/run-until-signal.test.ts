import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { runUntilSignal, type SignalTarget } from '../../src/cli/run-until-signal.ts';
import { createLogger } from '../../src/log/logger.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

test('a signal disposes of the service, and the run ends once that is done', async () => {
  const run = startRun();
  await run.begun();
  run.target.emit('SIGTERM', 'SIGTERM');
  await run.clock.advanceAsync(0);
  assert.equal(run.service.disposals, 1);
  assert.equal(run.ended, false);
  run.service.finishDisposal();
  await run.result;
  assert.deepEqual(run.target.exits, []);
  assert.deepEqual(run.target.eventNames(), []);
  assert.equal(run.clock.pendingTimers, 0);
});

test('a second signal ends the process at once, by the code of that signal', async () => {
  const run = startRun();
  await run.begun();
  run.target.emit('SIGTERM', 'SIGTERM');
  await run.clock.advanceAsync(500);
  run.target.emit('SIGINT', 'SIGINT');
  run.target.emit('SIGTERM', 'SIGTERM');
  assert.deepEqual(run.target.exits, [130, 143]);
  run.service.finishDisposal();
  await run.result;
});

test('signals that wrappers repeat for one key press count once', async () => {
  const run = startRun();
  await run.begun();
  run.target.emit('SIGINT', 'SIGINT');
  await run.clock.advanceAsync(499);
  run.target.emit('SIGINT', 'SIGINT');
  assert.deepEqual(run.target.exits, []);
  run.service.finishDisposal();
  await run.result;
});

test('a failed start rejects with the same error', async () => {
  const run = startRun();
  run.service.fail(new Error('no port'));
  await assert.rejects(run.result, /no port/);
  assert.deepEqual(run.target.eventNames(), []);
});

test('a signal during the start waits for the service, to dispose of it', async () => {
  const run = startRun();
  run.target.emit('SIGINT', 'SIGINT');
  await run.clock.advanceAsync(4000);
  assert.equal(run.ended, false);
  await run.begun();
  assert.equal(run.service.disposals, 1);
  run.service.finishDisposal();
  await run.result;
});

test('a start that does not complete after a signal is abandoned after five seconds', async () => {
  const run = startRun();
  run.target.emit('SIGINT', 'SIGINT');
  await run.clock.advanceAsync(5000);
  await run.result;
  assert.equal(run.service.disposals, 0);
});

test('a start that fails after a signal is no failure', async () => {
  const run = startRun();
  run.target.emit('SIGINT', 'SIGINT');
  run.service.fail(new Error('its Tor was stopped too'));
  await run.result;
});

class Target extends EventEmitter implements SignalTarget {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

class Service implements AsyncDisposable {
  readonly #events = new EventEmitter();
  disposals = 0;
  readonly #starting = Promise.withResolvers<this>();

  start = (): Promise<this> => this.#starting.promise;
  begin(): void {
    this.#starting.resolve(this);
  }
  fail(error: Error): void {
    this.#starting.reject(error);
  }
  finishDisposal(): void {
    this.#events.emit('finish');
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.disposals += 1;
    await once(this.#events, 'finish');
  }
}

interface Run {
  readonly target: Target;
  readonly clock: ManualClock;
  readonly service: Service;
  readonly result: Promise<void>;
  readonly ended: boolean;
  begun(): Promise<void>;
}

function startRun(): Run {
  const target = new Target();
  const clock = new ManualClock();
  const service = new Service();
  const logger = createLogger('fatal', 'default', clock, () => {});
  let ended = false;
  const result = runUntilSignal(service.start, { target, clock, logger }).finally(() => (ended = true));
  return {
    target,
    clock,
    service,
    result,
    get ended() {
      return ended;
    },
    async begun() {
      service.begin();
      await clock.advanceAsync(0);
    },
  };
}
