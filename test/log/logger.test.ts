import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventSpec, LOG_EVENTS, LOG_FIELDS, type LogEvent } from '../../src/log/log-events.ts';
import type { LogFormat, LogLevel } from '../../src/log/log-level.ts';
import { createLogger, type Logger } from '../../src/log/logger.ts';
import { ManualClock } from '../fixtures/manual-clock.ts';

const URL_A = 'https://a.test/dns-query';
const URL_B = 'https://b.test/dns-query';
const EVENTS = Object.keys(LOG_EVENTS) as LogEvent[];

interface Rig {
  readonly clock: ManualClock;
  readonly logger: Logger;
  readonly lines: string[];
}

function createRig(format: LogFormat = 'default', level: LogLevel = 'debug'): Rig {
  const clock = new ManualClock();
  const lines: string[] = [];
  return { clock, lines, logger: createLogger(level, format, clock, (line) => lines.push(line)) };
}

function complain({ logger }: Rig, url: string): void {
  logger.log('warn', 'upstream_unreachable', { reason: 'no way', url, code: 'ERR_TLS', retry_seconds: 2 });
}

test("a line has cloudflared's format and repeats nothing", () => {
  const rig = createRig();
  complain(rig, URL_A);
  const rest = `url=${URL_A} code=ERR_TLS retry_seconds=2`;
  assert.deepEqual(rig.lines, [`2026-01-02T03:04:05Z WRN Cannot connect to DNS upstream: no way ${rest}\n`]);
});

test("Tor's text cannot control a terminal, neither as text nor as JSON", () => {
  for (const format of ['default', 'json'] as const) {
    const rig = createRig(format);
    rig.logger.log('info', 'tor_bootstrap', { percent: 5, summary: 'on\x1b[2J\u009b2J\nits way' });
    assert.match(rig.lines[0] ?? '', /Tor is at 5 %: on.*its way.*\n$/, format);
    // oxlint-disable-next-line no-control-regex -- these must not be there
    assert.doesNotMatch((rig.lines[0] ?? '').slice(0, -1), /[\x00-\x1f\x7f-\x9f]/, format);
  }
});

test('in JSON, a line is one object with the event and all its fields', () => {
  const rig = createRig('json');
  rig.logger.log('warn', 'tor_log', { text: 'two\nlines "quoted"' });
  complain(rig, URL_A);
  assert.ok(rig.lines.every((line) => line.indexOf('\n') === line.length - 1));
  assert.deepEqual(JSON.parse(rig.lines[1] ?? ''), {
    level: 'warn',
    time: '2026-01-02T03:04:05Z',
    event: 'upstream_unreachable',
    message: 'Cannot connect to DNS upstream: no way',
    reason: 'no way',
    url: URL_A,
    code: 'ERR_TLS',
    retry_seconds: 2,
  });
});

test('lines below the level are neither written nor counted as repeated', () => {
  const rig = createRig('default', 'error');
  for (let i = 0; i < 20; i++) complain(rig, URL_A);
  rig.clock.advance(20_000);
  assert.deepEqual(rig.lines, []);
});

test('from the sixth repetition in ten seconds on, lines are counted, and the count is logged at the end', () => {
  const rig = createRig('json');
  for (let i = 0; i < 345; i++) complain(rig, URL_A);
  assert.equal(rig.lines.length, 5);
  rig.clock.advance(9999);
  assert.equal(rig.lines.length, 5);
  rig.clock.advance(1);
  assert.deepEqual(JSON.parse(rig.lines[5] ?? ''), {
    level: 'warn',
    time: '2026-01-02T03:04:15Z',
    event: 'repeated',
    message: '… 340 more in 10 s, the last one: Cannot connect to DNS upstream: no way',
    count: 340,
    seconds: 10,
    like: 'Cannot connect to DNS upstream: no way',
    of: 'upstream_unreachable',
  });
  complain(rig, URL_A);
  assert.equal(rig.lines.length, 7);
  assert.equal(rig.clock.pendingTimers, 0);
});

test('a different line is written while others repeat', () => {
  const rig = createRig();
  for (let i = 0; i < 9; i++) complain(rig, URL_A);
  complain(rig, URL_B);
  rig.logger.log('warn', 'upstream_unreachable', { reason: 'no', url: URL_A, code: 'ERR_TLS_PIN', retry_seconds: 2 });
  rig.logger.log('info', 'stopping', { signal: 'SIGTERM' });
  assert.equal(rig.lines.length, 8);
});

test('debug lines are never suppressed', () => {
  const rig = createRig();
  for (let i = 0; i < 9; i++) rig.logger.log('debug', 'tor_log', { text: 'hello' });
  assert.equal(rig.lines.length, 9);
});

test('disposal logs the pending count and leaves no timer', () => {
  const rig = createRig();
  for (let i = 0; i < 8; i++) complain(rig, URL_A);
  rig.clock.advance(3000);
  rig.logger[Symbol.dispose]();
  rig.logger[Symbol.dispose]();
  assert.equal(rig.lines.length, 6);
  assert.match(rig.lines[5] ?? '', /^2026-01-02T03:04:08Z WRN … 3 more in 3 s, the last one: Cannot connect/);
  assert.equal(rig.clock.pendingTimers, 0);
});

test("names of events and fields have one style, and a message has only placeholders of its event's fields", () => {
  for (const name of [...EVENTS, ...Object.keys(LOG_FIELDS)]) assert.match(name, /^[a-z]+(_[a-z]+)*$/);
  for (const event of EVENTS) {
    const { message, fields } = eventSpec(event);
    for (const [, name] of message.matchAll(/\{(\w+)\}/g))
      assert.ok(
        fields.some((field) => field === name),
        event,
      );
  }
});

test('no field has the name of a key that every JSON line has', () => {
  for (const name of ['level', 'time', 'event', 'message']) assert.ok(!Object.hasOwn(LOG_FIELDS, name));
});

// The compiler checks that only these events are logged, with their fields.
test('every event in the table is logged somewhere', async () => {
  const source = join(import.meta.dirname, '..', '..', 'src');
  let code = '';
  for await (const path of glob('**/*.ts', { cwd: source })) {
    if (!path.endsWith('log-events.ts')) code += await readFile(join(source, path), 'utf8');
  }
  const silent = EVENTS.filter((event) => !code.includes(`'${event}'`));
  assert.deepEqual(silent, []);
});

test('every field in the table belongs to an event', () => {
  const used = new Set<string>(EVENTS.flatMap((event) => eventSpec(event).fields));
  assert.deepEqual(
    Object.keys(LOG_FIELDS).filter((field) => !used.has(field)),
    [],
  );
});
