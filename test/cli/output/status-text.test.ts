import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { renderStatus, renderTrouble } from '../../../src/cli/output/status-text.ts';
import { PLAIN, styleFor, takesCommands } from '../../../src/cli/output/style.ts';
import { SYSTEM_RESOLVER_STATES } from '../../../src/model/system-resolver.ts';
import type { StatusSnapshot } from '../../../src/status/snapshot.ts';

const NONE = { cache: 0, upstream: 0, stale: 0, failed: 0, local: 0 };
const HOUR = { cache: 1500, upstream: 400, stale: 60, failed: 40, local: 0 };

const CIRCUITS = { launched: 0, guard_wait: 0, extended: 2, built: 1 };

const SNAPSHOT: StatusSnapshot = {
  format: 1,
  version: '1.2.3',
  atEpochMs: 1_795_492_466_307,
  uptimeSeconds: 93_784,
  state: 'degraded',
  sentence:
    'Working, but a.test:443 cannot be reached: the TLS handshake with the resolver failed. Check the host and port in --upstream.',
  headline: 'Working, but a.test:443 cannot be reached: the TLS handshake with the resolver failed.',
  remedy: 'Check the host and port in --upstream.',
  reason: 'tls',
  lastAnswerSecondsAgo: 75,
  tor: {
    kind: 'managed',
    state: 'up',
    bootstrapPercent: 100,
    bootstrapSummary: 'Done',
    trouble: null,
    circuits: CIRCUITS,
  },
  systemResolver: { state: 'not_installed', trouble: null },
  listening: {
    urls: ['dns://127.0.0.1:53'],
    queries: { udp: 1900, tcp: 100, dot: 0, doh: 0 },
    certificateExpiresAtEpochMs: null,
  },
  upstreams: [
    {
      upstream: 'a.test:443',
      breaker: 'open',
      reason: 'tls',
      sentence: 'the TLS handshake with the resolver failed',
      inFlight: 0,
      circuits: [{ slot: 0, state: 'closed', responseTimeMs: null, inFlight: 0 }],
    },
    {
      upstream: 'b.test:443',
      breaker: 'closed',
      reason: null,
      sentence: null,
      inFlight: 3,
      circuits: [
        { slot: 0, state: 'open', responseTimeMs: 1240, inFlight: 3 },
        { slot: 1, state: 'open', responseTimeMs: null, inFlight: 0 },
      ],
    },
  ],
  routes: [],
  totals: HOUR,
  lastHour: {
    answers: HOUR,
    latency: { p50Ms: 0.4, p95Ms: 1840 },
    minutes: [NONE, { ...NONE, cache: 10 }, { ...NONE, cache: 80 }].map((answers, minute) => ({
      startedAtEpochMs: minute * 60_000,
      answers,
      latency: { p50Ms: null, p95Ms: null },
    })),
  },
  cache: { entries: 12_345, bytes: 3_000_000, maxBytes: 16 << 20 },
  errors: [
    {
      reason: 'tls',
      sentence: 'the TLS handshake with the resolver failed',
      answers: 1040,
      exchanges: 1,
      connections: 7,
    },
  ],
};

/** A whole hour. The last minute is the busiest. */
const WHOLE_HOUR = {
  ...SNAPSHOT.lastHour,
  minutes: Array.from({ length: 60 }, (_, minute) => ({
    startedAtEpochMs: minute * 60_000,
    answers: { ...NONE, cache: minute === 59 ? 80 : 40 },
    latency: { p50Ms: null, p95Ms: null },
  })),
};

const page = (width: number) => ({ width, style: PLAIN });

test('the status is one page: verdict, Tor, last hour, cache, resolvers, failures', () => {
  assert.deepEqual(renderStatus(SNAPSHOT, page(80)), [
    '● Working, but a.test:443 cannot be reached: the TLS handshake with the resolver',
    '  failed.',
    '→ Check the host and port in --upstream.',
    '  dns4tor 1.2.3, up for 1 d 2 h',
    '',
    'Tor        reports that it is connected',
    '           started by dns4tor, 1 circuit built',
    '           last answer through Tor: 1 min 15 s ago',
    '',
    'Last hour  2,000 answers; median 0.4 ms, 95th percentile 1.8 s',
    '           cache                 1,500   75 %  ██████████████████',
    '           resolver                400   20 %  █████',
    '           expired                  60    3 %  █',
    '           failed                   40    2 %',
    '           answered locally          0    0 %',
    '            ▁█ per minute',
    '',
    'Cache      12,345 answers, 2.9 MiB of 16 MiB (18 %)',
    '',
    'Resolver   a.test:443',
    '           not reachable',
    '           the TLS handshake with the resolver failed',
    '           circuit 0: closed',
    '',
    'Resolver   b.test:443',
    '           reachable, 3 queries in flight',
    '           circuit 0: open, answers in 1.2 s, 3 in flight',
    '           circuit 1: open, no answer yet',
    '',
    'Failures   tls: 1,040 queries, 1 exchange, 7 connections',
    '           the TLS handshake with the resolver failed',
    '',
  ]);
});

test('no line is wider than the terminal, with or without colours, and wrapping loses no word', () => {
  const style = styleFor({ isTTY: true }, {});
  for (const width of [20, 30, 40, 57, 80, 200]) {
    const lines = renderStatus({ ...SNAPSHOT, lastHour: WHOLE_HOUR }, { width, style }).map(stripVTControlCharacters);
    for (const line of lines) assert.ok(line.length <= width, `${width}: ${line}`);
    assert.ok(lines.join(' ').replace(/\s+/g, ' ').includes(SNAPSHOT.headline));
  }
});

test('a narrow terminal shows the newest minutes, and their label if there is room', () => {
  const row = (width: number): string =>
    renderStatus({ ...SNAPSHOT, lastHour: WHOLE_HOUR }, page(width)).find(
      (line) => /█$|minute$/.test(line) && /▄/.test(line),
    ) ?? '';
  assert.equal(row(82), `           ${'▄'.repeat(59)}█ per minute`);
  assert.equal(row(81), `           ${'▄'.repeat(59)}█`);
  assert.equal(row(71), row(81));
  assert.equal(row(40), `           ${'▄'.repeat(28)}█`);
});

test('unknown values are shown as unknown', () => {
  const empty: StatusSnapshot = {
    ...SNAPSHOT,
    state: 'starting',
    uptimeSeconds: 2,
    lastAnswerSecondsAgo: null,
    tor: {
      kind: null,
      state: 'bootstrapping',
      bootstrapPercent: 45,
      bootstrapSummary: 'Asking',
      trouble: null,
      circuits: null,
    },
    lastHour: { answers: NONE, latency: { p50Ms: null, p95Ms: null }, minutes: [] },
    cache: { entries: 0, bytes: 0, maxBytes: 0 },
    upstreams: [],
    errors: [],
  };
  const text = renderStatus(empty, page(80)).join('\n');
  assert.match(text, /^Tor .*\b45 %: Asking\n +last answer through Tor: none yet$/m);
  assert.match(text, /^Last hour +0 answers\n +cache +0 +–$/m);
  assert.match(text, /^Cache +off$/m);
});

test('the trouble of Tor is in its section only if the headline is about something else', () => {
  const trouble = { reason: 'tor_blocked', problem: 'the relays are out of reach', remedy: 'use a bridge' };
  const tor = { ...SNAPSHOT.tor, state: 'stuck', bootstrapPercent: 5, trouble } as const;
  const isShown = (changes: Partial<StatusSnapshot>): boolean => {
    const text = renderStatus({ ...SNAPSHOT, tor, ...changes }, page(80)).join('\n');
    return text.includes(trouble.problem) && text.includes(trouble.remedy);
  };
  assert.equal(isShown({ state: 'working', reason: null, remedy: null }), true);
  assert.equal(isShown({ state: 'stuck', reason: trouble.reason, remedy: null }), false);
});

test('where dns4tor was installed, it says whether programs of the machine ask it; a loss is said once', () => {
  const trouble = { reason: 'system_elsewhere', problem: 'resolv.conf names 192.0.2.1', remedy: 'run dns4tor install' };
  const rowsOf = (changes: Partial<StatusSnapshot>): readonly string[] =>
    renderStatus({ ...SNAPSHOT, ...changes }, page(80)).filter((line) => line.startsWith('Machine'));
  assert.deepEqual(rowsOf({}), []);
  const labels = SYSTEM_RESOLVER_STATES.flatMap((state) => rowsOf({ systemResolver: { state, trouble: null } }));
  assert.equal(new Set(labels).size, SYSTEM_RESOLVER_STATES.length - 1);

  const lost = { systemResolver: { state: 'elsewhere', trouble } } as const;
  const shown = (changes: Partial<StatusSnapshot>): string =>
    renderStatus({ ...SNAPSHOT, ...lost, ...changes }, page(80)).join('\n');
  assert.ok(shown({}).includes(trouble.problem) && shown({}).includes(trouble.remedy));
  // The headline has it.
  assert.ok(!shown({ reason: trouble.reason }).includes(trouble.problem));
});

test('where DNS over TLS or HTTPS is served, it names the addresses, the queries by transport and the expiry', () => {
  const { atEpochMs } = SNAPSHOT;
  const listening = {
    urls: ['dns://192.168.1.5:53', 'tls://192.168.1.5:853'],
    queries: { udp: 1, tcp: 22, dot: 333, doh: 4444 },
    certificateExpiresAtEpochMs: atEpochMs + 273_784_000,
  };
  const shown = (changes: Partial<StatusSnapshot>): string =>
    renderStatus({ ...SNAPSHOT, ...changes }, page(80)).join('\n');
  assert.doesNotMatch(shown({}), /^Clients/m);
  const text = shown({ listening });
  for (const part of [...listening.urls, '1 UDP', '22 TCP', '333 TLS', '4,444 HTTPS', '3 d 4 h']) {
    assert.ok(text.includes(part), part);
  }
  const proxied = shown({
    listening: { ...SNAPSHOT.listening, urls: ['dns://127.0.0.1:53', 'unix:/run/dns4tor-doh'] },
  });
  assert.ok(proxied.includes('unix:/run/dns4tor-doh') && !proxied.includes('certificate'));
  assert.ok(!shown({ listening: { ...listening, certificateExpiresAtEpochMs: atEpochMs } }).includes('3 d 4 h'));
});

test('until Tor is connected to its network, a resolver has no remedy of its own', () => {
  const [upstream] = SNAPSHOT.upstreams;
  assert.ok(upstream !== undefined);
  const upstreams = [{ ...upstream, sentence: 'use another one' }];
  const states = ['unknown', 'down', 'bootstrapping', 'stuck', 'up'] as const;
  const shown = states.filter((state) =>
    renderStatus({ ...SNAPSHOT, tor: { ...SNAPSHOT.tor, state }, upstreams }, page(80))
      .join('\n')
      .includes('use another one'),
  );
  assert.deepEqual(shown, ['unknown', 'down', 'up']);
});

test('colours are only for terminals, and NO_COLOR turns them off', () => {
  const coloured = styleFor({ isTTY: true }, { TERM: 'xterm', NO_COLOR: '' });
  assert.equal(coloured('red', 'x'), '\x1b[31mx\x1b[0m');
  for (const [stream, env] of [
    [{ isTTY: false }, {}],
    [{}, {}],
    [{ isTTY: true }, { NO_COLOR: '1' }],
    [{ isTTY: true }, { TERM: 'dumb' }],
  ] as const) {
    assert.equal(styleFor(stream, env)('red', 'x'), 'x');
  }
  assert.deepEqual(
    [{ TERM: 'xterm' }, { TERM: 'xterm', NO_COLOR: '1' }, { TERM: 'dumb' }].map((env) =>
      takesCommands({ isTTY: true }, env),
    ),
    [true, true, false],
  );
});

test('control characters from the server do not reach the terminal', () => {
  const evil = {
    ...SNAPSHOT,
    headline: 'Working\x1b]0;x\x07',
    remedy: '\x1b[2J',
    tor: { ...SNAPSHOT.tor, trouble: { reason: 'tor_stuck', problem: '\x1b[2J', remedy: '\x1b[2J' } },
  };
  assert.ok(!renderStatus(evil, page(80)).join('').includes('\x1b'));
  const trouble = { problem: '\x1b[2J', remedy: '\x1b[2J' };
  assert.ok(!renderTrouble(trouble, page(80)).join('').includes('\x1b'));
});

test('each server of a route has a line, and the reason of its failure', () => {
  const server = { server: '192.168.1.1:53', reason: 'route_timeout', sentence: 'it does not answer' };
  const routes = [{ route: 'lan', servers: [server, { server: '192.168.1.2:53', reason: null, sentence: null }] }];
  const lines = renderStatus({ ...SNAPSHOT, routes }, { width: 80, style: PLAIN });
  const start = lines.findIndex((line) => line.startsWith('Route'));
  assert.deepEqual(
    lines.slice(start, start + 3).map((line) => line.slice(11)),
    ['lan to 192.168.1.1:53', 'it does not answer', 'lan to 192.168.1.2:53'],
  );
});
