import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { EDE, failureKind } from '../../src/failures/failures.ts';
import type { AccessNetwork } from '../fixtures/namespace/internet.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { assertLacks } from '../leaks/canary.ts';
import { type ConfinedDaemon, startConfinedDaemon } from '../leaks/confined-daemon.ts';
import type { CensoredLaboratory } from './censored-laboratory.ts';
import { flagsIn, SITUATIONS, type Situation, secretsOf, startTorBeside } from './situation.ts';

const STUCK_TIMEOUT_MS = 30_000;
/** Tor's own back-off: 25 s on an idle machine, 80 s seen on one with fourteen times as much work as cores. */
const RECOVERY_TIMEOUT_MS = 180_000;

/** A line of the log. */
interface LogLine {
  readonly event: string;
  /** In whole seconds. */
  readonly time: string;
  readonly level: string;
  readonly code?: string;
}

/** What `GET /api/status` says about trouble. */
interface Status {
  readonly state: string;
  readonly reason: string | null;
  readonly headline: string;
  readonly remedy: string | null;
  readonly tor: { readonly state: string; readonly trouble: { readonly reason: string } | null };
}

/** What `dns4tor check --json` prints. */
interface Checked {
  readonly checks: readonly { readonly id: string; readonly status: string; readonly reason?: string }[];
}

interface Running {
  readonly daemon: ConfinedDaemon;
  readonly client: AccessNetwork;
  readonly flags: readonly string[];
}

/** Starts of Tor that come to nothing, side by side. */
export function stuckSuite(getLaboratory: () => CensoredLaboratory): void {
  describe('Tor that is stuck', () => {
    const resources = new AsyncDisposableStack();
    const running = new Map<Situation, Running>();
    before(async () => {
      const laboratory = getLaboratory();
      await Promise.all(
        SITUATIONS.map(async (situation) => {
          const { access, nameserver, isBeside = false } = situation;
          const { path: directory } = resources.use(await createTemporaryDirectory());
          const client = resources.use(await laboratory.internet.connect(access, nameserver));
          if (isBeside) resources.use(await startTorBeside(client, laboratory, { directory }));
          const flags = await flagsIn(situation, laboratory, { directory });
          const daemon = resources.use(await startConfinedDaemon(client, [...flags, '--output', 'json']));
          running.set(situation, { daemon, client, flags });
        }),
      );
    });
    after(() => resources.disposeAsync());

    const of = (situation: Situation): Running => {
      const found = running.get(situation);
      if (found === undefined) throw new Error(`not started: ${situation.name}`);
      return found;
    };

    for (const situation of SITUATIONS) {
      const { name, code, withinSeconds } = situation;
      const { label, problem, ede = 'other' } = failureKind(code);

      test(`${name}: ${code} is in one warning within ${withinSeconds} s, in the readiness, status, metrics, answers and check`, async () => {
        const { daemon, flags } = of(situation);
        await daemon.process.waitUntil(
          'Tor is stuck',
          STUCK_TIMEOUT_MS,
          () => eventsOf(daemon, 'tor_stuck').length > 0,
        );

        const ready = await daemon.page('/ready');
        assert.equal(ready.status, 503);
        assert.equal((JSON.parse(ready.body) as Status).state, 'stuck');

        const status = JSON.parse((await daemon.page('/api/status')).body) as Status;
        assert.deepEqual([status.state, status.reason], ['stuck', label]);
        assert.deepEqual([status.tor.state, status.tor.trouble?.reason], ['stuck', label]);
        assert.notEqual(status.remedy, null);

        assert.match((await daemon.page('/metrics')).body, /^dns4tor_tor_state\{state="stuck"\} 1$/m);

        const reply = await daemon.ask('a.dns4tor-lab.net');
        assert.deepEqual([reply.status, reply.ede.length], ['SERVFAIL', 1]);
        assert.ok(reply.ede[0]?.startsWith(`${EDE[ede]} `) && reply.ede[0].includes(problem), reply.ede[0]);

        const where = ['--port', String(daemon.port), '--metrics', daemon.metricsAddress];
        const { output } = await daemon.run('check', ...flags, '--json', ...where);
        // The last line, on stderr, sums up.
        const { checks } = JSON.parse(output.slice(0, output.lastIndexOf('}') + 1)) as Checked;
        const bootstrap = checks.find(({ id }) => id === 'bootstrap');
        assert.deepEqual([bootstrap?.status, bootstrap?.reason], ['fail', label]);

        const warnings = eventsOf(daemon, 'tor_stuck');
        const first = warnings.filter((line) => secondsBetween(logOf(daemon)[0], line) <= withinSeconds);
        assert.deepEqual([first.length, first[0]?.level], [1, 'warn']);
        for (const warning of warnings) assert.equal(warning.code, code);
      });
    }

    for (const situation of SITUATIONS) {
      const { name, bridge } = situation;
      if (bridge === undefined) continue;
      test(`${name}: the bridge is in no log, page, output of check, command line or environment`, async () => {
        const { daemon, flags } = of(situation);
        const pages = await Promise.all(['/metrics', '/ready', '/api/status'].map((path) => daemon.page(path)));
        const { output } = await daemon.run('check', ...flags, '--metrics', daemon.metricsAddress);
        const processes = await processesBelow(daemon.process.pid);
        assert.ok(processes.some((text) => text.startsWith('tor\0')));
        const secrets = secretsOf(bridge(getLaboratory()));
        assert.ok(secrets.length > 1);
        for (const secret of secrets) {
          for (const text of [daemon.log, output, ...pages.map(({ body }) => body), ...processes]) {
            assertLacks(text, secret);
          }
        }
      });
    }

    describe('once the network lets packets through', () => {
      const recovering = SITUATIONS.filter(({ recovers }) => recovers);
      before(async () => {
        for (const situation of recovering) await of(situation).client.become('open');
      });

      for (const situation of recovering) {
        test(`${situation.name}: one line says that Tor makes progress, and answers come`, async () => {
          const { daemon } = of(situation);
          await daemon.process.waitUntil(
            'answers come',
            RECOVERY_TIMEOUT_MS,
            () => eventsOf(daemon, 'answers_come').length > 0,
          );
          assert.equal((await daemon.ask('a.dns4tor-lab.net')).status, 'NOERROR');
          assert.equal((await daemon.page('/ready')).status, 200);
          const { state, tor } = JSON.parse((await daemon.page('/api/status')).body) as Status;
          assert.deepEqual([state, tor.state, tor.trouble], ['working', 'up', null]);
          const episodes = logOf(daemon).filter(({ event }) => ['tor_stuck', 'tor_unstuck'].includes(event));
          // Several warnings in an episode, but one end.
          const ends = episodes.filter(({ event }, index) => event !== episodes[index - 1]?.event);
          assert.deepEqual(ends.map(({ event }) => event).slice(0, 2), ['tor_stuck', 'tor_unstuck']);
          assert.equal(ends.at(-1)?.event, 'tor_unstuck');
          assert.equal(eventsOf(daemon, 'tor_unstuck').length, ends.length / 2);
        });
      }
    });
  });
}

function logOf({ log }: ConfinedDaemon): LogLine[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}

function eventsOf(daemon: ConfinedDaemon, event: string): LogLine[] {
  return logOf(daemon).filter((line) => line.event === event);
}

function secondsBetween(one: LogLine | undefined, other: LogLine | undefined): number {
  return (Date.parse(other?.time ?? '') - Date.parse(one?.time ?? '')) / 1000;
}

/** Command line and environment of a process and of all its descendants. */
async function processesBelow(pid: number): Promise<string[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
  const [own, ...others] = await Promise.all([
    Promise.all(['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8'))),
    ...children.filter((child) => child !== '').map((child) => processesBelow(Number(child))),
  ]);
  return [own.join('\0'), ...others.flat()];
}
