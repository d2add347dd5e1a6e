import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Loaded, loadSettings, type Setting, type Sources } from '../../src/config/load.ts';
import type { OptionKey } from '../../src/config/options.ts';
import { createTemporaryDirectory } from '../fixtures/temporary-directory.ts';

test('a flag takes precedence over the environment, then the file, then the default', async () => {
  await using file = await writeConfig('port = 3\n');
  const flags = { config: [file.path] };
  const env = { DNS4TOR_PORT: '2' };
  assert.deepEqual(setting(load({ flags: { ...flags, port: ['1'] }, env }), 'port'), ['flag', '--port', ['1']]);
  assert.deepEqual(setting(load({ flags, env }), 'port'), ['env', 'DNS4TOR_PORT', ['2']]);
  assert.deepEqual(setting(load({ flags }), 'port'), ['file', `port in ${file.path}`, ['3']]);
  assert.deepEqual(setting(load({}), 'port'), ['default', 'default', ['53']]);
});

test("both names of a variable work, and dns4tor's takes precedence over cloudflared's", () => {
  const cloudflared = { TUNNEL_DNS_PORT: '1' };
  assert.deepEqual(setting(load({ env: cloudflared }), 'port'), ['env', 'TUNNEL_DNS_PORT', ['1']]);
  assert.deepEqual(setting(load({ env: { ...cloudflared, DNS4TOR_PORT: '2' } }), 'port'), [
    'env',
    'DNS4TOR_PORT',
    ['2'],
  ]);
});

test('an empty variable counts as unset', () => {
  assert.deepEqual(setting(load({ env: { DNS4TOR_PORT: '', TUNNEL_DNS_PORT: '1' } }), 'port'), [
    'env',
    'TUNNEL_DNS_PORT',
    ['1'],
  ]);
});

test('list items can be repeated or separated by commas, in every source', async () => {
  await using file = await writeConfig('address = ["::1", "127.0.0.1"]\n');
  assert.deepEqual(addresses({ flags: { address: ['127.0.0.1', '::1, 127.0.0.2,'] } }), [
    '127.0.0.1',
    '::1',
    '127.0.0.2',
  ]);
  assert.deepEqual(addresses({ env: { TUNNEL_DNS_ADDRESS: '127.0.0.1,::1' } }), ['127.0.0.1', '::1']);
  assert.deepEqual(addresses({ env: { DNS4TOR_CONFIG: file.path } }), ['::1', '127.0.0.1']);
});

test('a table of the file is another notation for a list, and follows the list of the key', async () => {
  await using file = await writeConfig(
    'route = "corp=10.0.0.1"\n[routes]\nlan = ["192.168.1.1", "192.168.1.2:5353"]\n' +
      '"192.168.1.0/24" = "192.168.1.1"\nbranch.example = "10.0.0.2"\n',
  );
  const { settings, problems } = load({ flags: { config: [file.path] } });
  assert.deepEqual(problems, []);
  const route = settings.find(({ key }) => key === 'route');
  assert.deepEqual(route?.texts, [
    'corp=10.0.0.1',
    'lan=192.168.1.1',
    'lan=192.168.1.2:5353',
    '192.168.1.0/24=192.168.1.1',
    'branch.example=10.0.0.2',
  ]);
  assert.deepEqual(setting(load({ flags: { config: [file.path], route: ['lan=10.0.0.3'] } }), 'route')[2], [
    'lan=10.0.0.3',
  ]);
});

test('torrc lines keep their commas, and are separated by newlines', () => {
  const env = { DNS4TOR_TOR_OPTION: 'ExcludeNodes {de},{us}\nLog info syslog' };
  assert.deepEqual(setting(load({ env }), 'tor-option')[2], ['ExcludeNodes {de},{us}', 'Log info syslog']);
});

test('for an option with a single value, the last flag counts', () => {
  assert.deepEqual(setting(load({ flags: { port: ['1', '2'] } }), 'port')[2], ['2']);
});

test('a file may have numbers, booleans and strings', async () => {
  await using file = await writeConfig('port = 5053\n"cache-size" = "64k"\nmetrics = "localhost:9090"\n');
  const loaded = load({ flags: { config: [file.path] } });
  assert.deepEqual(loaded.problems, []);
  assert.deepEqual(setting(loaded, 'port')[2], ['5053']);
  assert.deepEqual(setting(loaded, 'cache-size')[2], ['64k']);
});

test('the problem of an unknown key suggests the nearest one', async () => {
  await using file = await writeConfig('prot = 53\nfrobnicate = 1\n[table]\na = 1\n');
  const { problems } = load({ flags: { config: [file.path] } });
  assert.deepEqual(problems[0], { problem: `prot in ${file.path}: unknown key`, remedy: 'did you mean port?' });
  assert.match(problems[1]?.problem ?? '', /^frobnicate in .*: unknown key$/);
  assert.match(problems[1]?.remedy ?? '', /\baddress, port, /);
  assert.match(problems[2]?.problem ?? '', /^table in .*: unknown key$/);
  assert.equal(problems.length, 3);
});

test('command-line keys, lists for single values, and tables are problems', async () => {
  await using file = await writeConfig(
    'config = "x"\ncheck = true\nport = [1, 2]\ntimeout = 2026-01-02\n[metrics]\na = 1\n',
  );
  const { problems } = load({ flags: { config: [file.path] } });
  assert.deepEqual(
    problems.map(({ problem }) => problem.replace(` in ${file.path}`, '')),
    [
      'config: unknown key',
      'check: unknown key',
      'port: the value is a list',
      'timeout: wrong type',
      'metrics: wrong type',
    ],
  );
});

test('a file that cannot be read or parsed is one problem, with its place', async () => {
  await using file = await writeConfig('port = 53\naddress = [\n');
  assert.match(
    load({ flags: { config: [file.path] } })
      .problems.map(({ problem }) => problem)
      .join(),
    /^--config: '.*' is not valid TOML: line \d+, column \d+: \S[^\n]*$/,
  );
  const missing = load({ env: { DNS4TOR_CONFIG: '/nonexistent/dns4tor.toml' } });
  assert.deepEqual(missing.problems, [
    { problem: "DNS4TOR_CONFIG: '/nonexistent/dns4tor.toml' cannot be read: no such file" },
  ]);
});

function addresses(sources: Partial<Sources>): readonly string[] {
  return setting(load(sources), 'address')[2];
}

function load(sources: Partial<Sources>): Loaded {
  return loadSettings({ flags: {}, env: {}, ...sources });
}

function setting(loaded: Loaded, wanted: OptionKey): [Setting['origin'], string, readonly string[]] {
  const found = loaded.settings.find(({ key }) => key === wanted);
  assert.ok(found);
  return [found.origin, found.place, found.texts];
}

async function writeConfig(content: string): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await createTemporaryDirectory();
  const path = join(directory.path, 'dns4tor.toml');
  writeFileSync(path, content);
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}
