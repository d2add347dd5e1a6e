import assert from 'node:assert/strict';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dig } from '../../fixtures/dns/dig.ts';
import { cleanEnvironment, type Daemon, dns4tor, startDaemon } from '../../fixtures/process/daemon.ts';
import { findProgram } from '../../fixtures/process/find-program.ts';
import { startProcess } from '../../fixtures/process/process.ts';
import { runProgram } from '../../fixtures/process/run-program.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { waitUntil } from '../../fixtures/wait-until.ts';

/*
 * The daemon with bridges that nobody answers, given in each way that there is, at the level debug and with real
 * transport programs. No part of the bridge lines may be anywhere but in the state directory of its tor.
 */

/** Nothing listens there. */
const HOST = '127.77.66.55';
const FINGERPRINT = 'CA9A77CA9A77CA9A77CA9A77CA9A77CA9A77CA9A';
const CERT = `CANARYcert${'Aa0+/'.repeat(12)}`;
const LINES: readonly string[] = [
  `obfs4 ${HOST}:1 ${FINGERPRINT} cert=${CERT} iat-mode=0`,
  `snowflake ${HOST}:2 ${FINGERPRINT} url=https://${HOST}:3/canarybroker fronts=${HOST} ice=stun:${HOST}:4`,
  `${HOST}:5 ${FINGERPRINT}`,
];
const SECRETS = [HOST, FINGERPRINT, CERT.slice(0, 20), 'canarybroker'].map((text) => text.toLowerCase());
const STUCK_TIMEOUT_MS = 90_000;

function assertClean(text: string, what: string): void {
  for (const secret of SECRETS) {
    const line = text.split('\n').find((one) => one.toLowerCase().includes(secret));
    assert.equal(line, undefined, `${what} holds a part of a bridge line`);
  }
}

interface Way {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** How the lines are given. Writes the files that are needed. */
const WAYS: Readonly<Record<string, (directory: string) => Promise<Way>>> = {
  'flags, with the log in JSON': async () => ({
    args: [...LINES.flatMap((line) => ['--bridge', line]), '--output', 'json'],
    env: {},
  }),
  'a file': async (directory) => {
    const path = join(directory, 'bridges');
    await writeFile(path, `# mine\n${LINES.map((line) => `Bridge ${line}\n`).join('')}`, { mode: 0o600 });
    return { args: ['--bridges-file', path], env: {} };
  },
  'the configuration file': async (directory) => {
    const path = join(directory, 'dns4tor.toml');
    await writeFile(path, `bridge = ${JSON.stringify(LINES)}\n`, { mode: 0o600 });
    return { args: ['--config', path], env: {} };
  },
  'the environment': async () => ({ args: [], env: { DNS4TOR_BRIDGE: LINES.join('\n') } }),
};

/** The processes that a process has started, directly or not. */
async function descendants(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
  const pids = children === '' ? [] : children.split(' ').map(Number);
  return [...pids, ...(await Promise.all(pids.map(descendants))).flat()];
}

async function programs(pids: readonly number[]): Promise<string[]> {
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8')));
  return names.map((name) => name.trim()).toSorted();
}

async function filesWithSecrets(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const texts = await Promise.all(files.map((path) => readFile(path, 'latin1')));
  return files.filter((_, index) => SECRETS.some((secret) => texts[index]?.toLowerCase().includes(secret)));
}

// At once, because Tor counts as stuck only after 20 s.
describe('the lines of bridges', { concurrency: true }, () => {
  for (const [name, prepare] of Object.entries(WAYS)) {
    describe(`bridges given by ${name}`, { concurrency: false }, () => {
      const resources = new AsyncDisposableStack();
      let settings: string;
      let state: string;
      let way: Way;
      let daemon: Daemon;
      // In either format of the log.
      const port = (): string => /dns:\/\/127\.0\.0\.1:(\d+)/.exec(daemon.process.output)?.[1] ?? '';

      async function run(...args: readonly string[]): Promise<string> {
        const [program, ...first] = dns4tor();
        const env = { ...cleanEnvironment(), ...way.env, XDG_STATE_HOME: state };
        await using process = await startProcess(program, [...first, ...args], { env });
        await process.ended;
        return process.output;
      }

      before(async () => {
        settings = resources.use(await createTemporaryDirectory()).path;
        state = resources.use(await createTemporaryDirectory()).path;
        way = await prepare(settings);
        const env = { ...cleanEnvironment(), ...way.env, XDG_STATE_HOME: state };
        daemon = resources.use(
          await startDaemon(['--loglevel', 'debug', '--metrics', 'localhost:0', ...way.args], { env }),
        );
      });
      after(() => resources.disposeAsync());

      test('ps and the environment of the programs that it started do not hold them', async () => {
        const started = async (): Promise<string[]> => programs(await descendants(daemon.process.pid));
        await waitUntil('tor and both transport programs run', 30_000, async () => (await started()).length === 3);
        assert.deepEqual(await started(), ['obfs4proxy', 'snowflake-clien', 'tor']);
        for (const pid of await descendants(daemon.process.pid)) {
          const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
          assertClean(environment, 'an environment');
          assert.doesNotMatch(environment, /(?:^|\0)(?:DNS4TOR|TUNNEL)_/);
          const commandLine = await readFile(`/proc/${pid}/cmdline`, 'latin1');
          if (!commandLine.includes('torrc')) assert.match(commandLine, /^\/\S+?(?:obfs4proxy|snowflake-client)\0$/);
        }
        // Not of all processes: commands that have just been started with --bridge show it for a moment.
        const pids = [daemon.process.pid, ...(await descendants(daemon.process.pid))].join();
        const shown = await runProgram('ps', ['-ww', '-o', 'args=', '-p', pids]);
        assert.match(shown, /\bproxy-dns\b/);
        assertClean(shown, 'ps');
      });

      test('log, pages, answers and files do not hold them, once Tor is stuck', async () => {
        const isStuck = async (): Promise<boolean> =>
          (JSON.parse((await daemon.page('/api/status')).body) as { tor: { state: string } }).tor.state === 'stuck';
        await waitUntil('Tor is stuck', STUCK_TIMEOUT_MS, isStuck);
        for (const path of ['/', '/metrics', '/api/status', '/ready', '/healthcheck']) {
          assertClean((await daemon.page(path)).body, path);
        }
        const reply = await dig('@127.0.0.1', '-p', port(), 'dns4tor-lab.net');
        assert.equal(reply.status, 'SERVFAIL');
        assert.notEqual(reply.ede.length, 0);
        assertClean(reply.text, 'an answer');
        assertClean(daemon.process.output, 'the log');
        // Tor has told of the bridges, so there was something to remove.
        assert.match(daemon.process.output, /\[scrubbed\]/);
        const held = await filesWithSecrets(state);
        assert.notEqual(held.length, 0);
        for (const path of held) assert.ok(path.startsWith(join(state, 'dns4tor', 'tor/')), path);
      });

      test('--check shows how many there are of which transports, and check and status show none of them', async () => {
        const text = await run(
          'proxy-dns',
          '--check',
          ...way.args.filter((arg) => arg !== '--output' && arg !== 'json'),
        );
        assert.match(text, /\b1 obfs4, 1 snowflake, 1 vanilla\b/);
        const json = await run('proxy-dns', '--check', '--output', 'json', ...way.args);
        assert.equal(json.match(/\[(?:obfs4|snowflake|vanilla) bridge\]/g)?.length, 3);
        const metrics = ['--metrics', daemon.metricsAddress];
        const status = await run('status', ...metrics, '--json');
        for (const output of [text, json, status]) {
          assertClean(output, 'the output');
          assert.notEqual(output, '');
        }
      });
    });
  }
});

describe('a bridge line that is wrong', () => {
  const [obfs4 = ''] = LINES;
  const words = obfs4.split(' ');
  const CASES: Readonly<Record<string, (directory: string) => Promise<Way>>> = {
    'a flag': async () => ({ args: ['--bridge', `${obfs4} canarybroker`], env: {} }),
    'a flag without quotes around the line': async () => ({ args: ['--bridge', ...words], env: {} }),
    'a vanilla line without quotes': async () => ({ args: ['--bridge', ...words.slice(1, 3)], env: {} }),
    'the path of a file': async () => ({ args: ['--bridges-file', obfs4], env: {} }),
    'a torrc line': async () => ({ args: ['--tor-option', `Bridge ${obfs4}`], env: {} }),
    'a file': async (directory) => {
      const path = join(directory, 'bridges');
      await writeFile(path, `${obfs4} canarybroker\n${obfs4.replace('obfs4', 'obfs5')}\n`, { mode: 0o600 });
      return { args: ['--bridges-file', path], env: {} };
    },
    'a file that others can read': async (directory) => {
      const path = join(directory, 'open');
      await writeFile(path, obfs4);
      await chmod(path, 0o644);
      return { args: ['--bridges-file', path], env: {} };
    },
    'a configuration file': async (directory) => {
      const path = join(directory, 'wrong.toml');
      await writeFile(path, `bridge = ["${obfs4} canarybroker"]\n`);
      return { args: ['--config', path], env: {} };
    },
    'a file of bridges in place of the configuration file': async (directory) => {
      const path = join(directory, 'bridges.toml');
      await writeFile(path, `${obfs4}\n`);
      return { args: ['--config', path], env: {} };
    },
    'the environment': async () => ({ args: [], env: { DNS4TOR_BRIDGE: `${obfs4} canarybroker` } }),
  };
  for (const [name, prepare] of Object.entries(CASES)) {
    for (const command of ['proxy-dns', 'check', 'query']) {
      test(`${command} refuses it without showing it: ${name}`, async () => {
        await using directory = await createTemporaryDirectory();
        const { args, env } = await prepare(directory.path);
        const more = command === 'query' ? ['--direct', 'dns4tor-lab.net'] : [];
        const [program, ...first] = dns4tor();
        const environment = { ...cleanEnvironment(), ...env, XDG_STATE_HOME: directory.path };
        await using running = await startProcess(program, [...first, command, ...more, ...args], { env: environment });
        assert.equal(await running.ended, 2, running.output.replaceAll(HOST, 'HOST'));
        assertClean(running.output, 'the output');
        assert.notEqual(running.output, '');
      });
    }
  }
});

test('a transport without its program is an error that names the package, with no part of a line', async () => {
  await using directory = await createTemporaryDirectory();
  const [program, ...first] = dns4tor();
  // The launcher needs nothing from PATH.
  const env = { ...cleanEnvironment(), PATH: directory.path, XDG_STATE_HOME: directory.path };
  const flags = LINES.flatMap((line) => ['--bridge', line]);
  await using running = await startProcess(program, [...first, 'proxy-dns', ...flags], { env });
  assert.equal(await running.ended, 2);
  assert.match(running.output, /package obfs4proxy/);
  assert.match(running.output, /package snowflake-client/);
  assertClean(running.output, 'the output');
  assert.ok((await findProgram('snowflake-client')).startsWith('/'));
});
