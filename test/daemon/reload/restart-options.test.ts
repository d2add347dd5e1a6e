import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadSettings, type Sources } from '../../../src/config/load.ts';
import { validate } from '../../../src/config/validate.ts';
import { type LoadedConfig, optionsNeedingRestart } from '../../../src/daemon/reload/restart-options.ts';
import { createTemporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { createClientAuthKey } from '../../fixtures/tor/client-auth-key.ts';
import { createOnionKey } from '../../fixtures/tor/onion-key.ts';

function load(flags: Sources['flags']): LoadedConfig {
  const loaded = loadSettings({ flags, env: {} });
  return { settings: loaded.settings, config: validate(loaded) };
}

function changed(before: Sources['flags'], after: Sources['flags']): readonly string[] {
  return optionsNeedingRestart(load(before), load(after));
}

test('changed options are named in the order of the table, and reloaded ones are not', () => {
  assert.deepEqual(
    changed(
      { port: ['53'] },
      {
        output: ['json'],
        port: ['5300'],
        'cache-size': ['1MiB'],
        timeout: ['3s'],
        allow: ['192.0.2.0/24'],
        'upstream-pin': [`sha256/${'A'.repeat(43)}=`],
        loglevel: ['debug'],
        upstream: ['https://resolver.example/dns-query'],
      },
    ),
    ['port', 'upstream', 'cache-size', 'output'],
  );
});

test('another notation of the same value, or another place of it, is no change', () => {
  assert.deepEqual(changed({ 'circuit-lifetime': ['10m'] }, { 'circuit-lifetime': ['600s'] }), []);
  assert.deepEqual(changed({}, { port: ['53'], circuits: ['3'] }), []);
});

test('of two options that set one value, only the one that was edited is named', () => {
  assert.deepEqual(changed({}, { circuits: ['2'] }), ['circuits']);
  assert.deepEqual(changed({}, { 'max-upstream-conns': ['2'] }), ['max-upstream-conns']);
});

test('files are compared by what they hold', async () => {
  await using directory = await createTemporaryDirectory();
  const [bridges, key] = [join(directory.path, 'bridges'), join(directory.path, 'key.auth_private')];
  const onion = createOnionKey().address;
  const write = async (port: number): Promise<void> => {
    await writeFile(bridges, `192.0.2.1:${port}\n`);
    await writeFile(key, createClientAuthKey().privateLine(onion));
    await Promise.all([chmod(bridges, 0o600), chmod(key, 0o600)]);
  };
  const flags = { 'bridges-file': [bridges], 'onion-auth-file': [key] };
  await write(443);
  const before = load(flags);
  assert.deepEqual(optionsNeedingRestart(before, load(flags)), []);
  await write(444);
  assert.deepEqual(optionsNeedingRestart(before, load(flags)), ['onion-auth-file', 'bridges-file']);
});
