import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { parse } from 'smol-toml';
import { renderConfigFile, SCHEMA_LINE } from '../../scripts/docs/config-file.ts';
import { configSchema } from '../../scripts/docs/config-schema.ts';
import type { Config } from '../../src/config/config.ts';
import { loadSettings } from '../../src/config/load.ts';
import { FILE_KEYS, FILE_TABLES, type OptionKey, optionSpec } from '../../src/config/options.ts';
import { validate } from '../../src/config/validate.ts';
import { createCertificateAuthority } from '../fixtures/certificates.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../fixtures/temporary-directory.ts';
import { createClientAuthKey } from '../fixtures/tor/client-auth-key.ts';
import { ONION } from './dns4tor-command.ts';
import { fits } from './json-schema.ts';

const SCHEMA = configSchema();
const NAME_FILES = ['hosts', 'blocklist', 'allowlist'] as const;
/** The loader reads these files. */
const FILES = [
  'upstream-ca',
  'tls-cert',
  'tls-key',
  'onion-auth-file',
  'bridges-file',
  'logfile',
  ...NAME_FILES,
] as const;
/** A program without a bridge that needs it is refused. */
const WEBTUNNEL_BRIDGE = 'bridge = "webtunnel 192.0.2.10:443 url=https://bridge.example/path"';

let directory: TemporaryDirectory;
before(async () => {
  directory = await createTemporaryDirectory();
  for (const name of NAME_FILES) await writeFile(join(directory.path, name), '');
  await writeFile(join(directory.path, 'upstream-ca'), rootCertificates[0] ?? '');
  await using ca = await createCertificateAuthority();
  const { certificatePath, keyPath } = await ca.issue(['dns.example']);
  await copyFile(certificatePath, join(directory.path, 'tls-cert'));
  await copyFile(keyPath, join(directory.path, 'tls-key'));
  await writeFile(join(directory.path, 'webtunnel-client'), '#!/bin/sh\n', { mode: 0o700 });
  await writeFile(join(directory.path, 'bridges-file'), '192.0.2.11:443\n', { mode: 0o600 });
  await writeFile(join(directory.path, 'onion-auth-file'), createClientAuthKey().privateLine(ONION), { mode: 0o600 });
});
after(() => directory[Symbol.asyncDispose]());

/** Adds to a line the options without which dns4tor refuses it. */
function withCompanions(line: string): string {
  const [certificate, key] = ['tls-cert', 'tls-key'].map(
    (name) => `${name} = ${JSON.stringify(join(directory.path, name))}`,
  );
  if (line.startsWith('transport = ')) return `${WEBTUNNEL_BRIDGE}\n${line.replace('/usr/local/bin', directory.path)}`;
  if (line.startsWith('tls-cert = ')) return `${line}\n${key}`;
  if (line.startsWith('tls-key = ')) return `${line}\n${certificate}`;
  return /^do[th]-address = /.test(line) ? `allow = ["192.168.1.0/24"]\n${line}\n${certificate}\n${key}` : line;
}

async function load(text: string): Promise<Config> {
  const file = join(directory.path, 'dns4tor.toml');
  await writeFile(file, text, { mode: 0o600 });
  return validate(loadSettings({ flags: { config: [file] }, env: {} }));
}

async function isTaken(text: string): Promise<boolean> {
  return await load(text).then(
    () => true,
    () => false,
  );
}

test('the configuration file as it is shipped changes nothing', async () => {
  assert.deepEqual(await load(renderConfigFile()), await load(''));
});

test('it has every key with a value that dns4tor and the schema take, in the order of the options table', async () => {
  const [groups = ''] = renderConfigFile().split('## Tables');
  const lines = groups.match(/^# [a-z][a-z-]* = .*$/gm) ?? [];
  const keys = lines.map((line) => /^# (\S+)/.exec(line)?.[1]);
  assert.deepEqual(keys, FILE_KEYS);
  for (const line of lines) {
    const key = FILES.find((name) => line.startsWith(`# ${name} `));
    const path = key === undefined ? undefined : join(directory.path, key);
    const setting = path === undefined ? line.slice(2) : line.slice(2).replace(/"[^"]*"/, JSON.stringify(path));
    const text = withCompanions(setting);
    await assert.doesNotReject(load(text), text);
    assert.ok(fits(SCHEMA, parse(text)), text);
  }
});

test('it ends with every table, whose example lines dns4tor and the schema take', async () => {
  const [, tables = ''] = renderConfigFile().split('## Tables');
  for (const [name, key] of FILE_TABLES) {
    const { examples = [] } = optionSpec(key).table ?? {};
    const text = [`[${name}]`, ...examples].join('\n');
    assert.ok(tables.includes(text.replaceAll(/^/gm, '# ')), name);
    await assert.doesNotReject(load(text), text);
    assert.ok(fits(SCHEMA, parse(text)), text);
  }
});

test('its first line tells editors where the schema is', () => {
  assert.ok(renderConfigFile().startsWith(`${SCHEMA_LINE}\n`));
});

test('the schema has every key of the file, with the default', () => {
  const { properties = {} } = SCHEMA;
  assert.deepEqual(Object.keys(properties), [...FILE_KEYS, ...FILE_TABLES.keys()]);
  for (const [key, property] of Object.entries(properties)) {
    assert.ok(property.default === undefined || fits(property, property.default), key);
    assert.ok((property.description ?? '').length > 10, key);
  }
});

/** Values that the schema and the loader judge alike. */
const CASES: Readonly<Partial<Record<OptionKey, readonly [taken: readonly string[], refused: readonly string[]]>>> = {
  port: [
    ['0', '5053', '65535', '"5053"'],
    ['-1', '65536', '53.5', 'true', '"http"', '""', '[53]', '1979-05-27'],
  ],
  'cache-size': [
    ['0', '65536', '"64k"', '"16MiB"', '"1.5 GB"', '"1b"'],
    ['-1', '4294967297', '"16 megabytes"', '"MiB"', 'false', '["16MiB"]'],
  ],
  timeout: [
    ['"1500ms"', '"10s"', '"1.5m"', '"2 M"'],
    ['10', '"10"', '"10 seconds"', '""', '["10s"]'],
  ],
  route: [
    ['"lan=192.168.1.1"', '["lan=192.168.1.1", "lan=[fd00::1]:5353"]', '[]'],
    ['{ lan = "192.168.1.1" }', '53'],
  ],
  prefetch: [
    ['true', 'false', '"true"'],
    ['1', '"yes"', '[true]'],
  ],
  loglevel: [
    ['"debug"', '"fatal"'],
    ['"verbose"', '"INFO"', '1'],
  ],
  'upstream-tls-min': [
    ['"1.2"', '1.3'],
    ['"1.1"', '1'],
  ],
  upstream: [
    ['"https://dns.quad9.net/dns-query"', '["tls://192.0.2.1"]'],
    ['[]', '""', '1.5', '{ url = "https://dns.quad9.net/dns-query" }'],
  ],
  allow: [
    ['[]', '"192.168.1.0/24"', '["192.168.1.0/24", "fd00::/8"]'],
    ['8', '[["192.168.1.0/24"]]', `[${Array.from({ length: 257 }, () => '"10.0.0.0/8"').join(', ')}]`],
  ],
};

for (const [key, [taken, refused]] of Object.entries(CASES)) {
  test(`the schema and dns4tor take and refuse the same values of ${key}`, async () => {
    for (const value of [...taken, ...refused]) {
      const text = `${key} = ${value}`;
      const expected = taken.includes(value);
      assert.equal(await isTaken(text), expected, `dns4tor: ${text}`);
      assert.equal(fits(SCHEMA, parse(text)), expected, `the schema: ${text}`);
    }
  });
}

test('the schema and dns4tor take and refuse the same tables', async () => {
  const taken = ['lan = "192.168.1.1"', '"10.0.0.0/8" = ["10.0.0.1", "10.0.0.2"]', 'corp.example = "10.0.0.1"', ''];
  const refused = ['lan = ""', 'lan = [["192.168.1.1"]]', 'lan = 2026-01-02'];
  for (const line of [...taken, ...refused]) {
    const text = `[routes]\n${line}`;
    assert.equal(await isTaken(text), taken.includes(line), `dns4tor: ${text}`);
    assert.equal(fits(SCHEMA, parse(text)), taken.includes(line), `the schema: ${text}`);
  }
  assert.equal(await isTaken('routes = ["lan=192.168.1.1"]'), false);
  assert.equal(fits(SCHEMA, parse('routes = ["lan=192.168.1.1"]')), false);
});

test('a key that does not exist is refused by both', async () => {
  assert.equal(await isTaken('ports = 53'), false);
  assert.equal(fits(SCHEMA, parse('ports = 53')), false);
});
