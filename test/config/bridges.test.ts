import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-problem.ts';
import { loadSettings, type Sources } from '../../src/config/load.ts';
import { validate } from '../../src/config/validate.ts';
import { createTemporaryDirectory, type TemporaryDirectory } from '../fixtures/temporary-directory.ts';

const FINGERPRINT = '0123456789ABCDEF0123456789ABCDEF01234567';
const VANILLA = `192.0.2.10:443 ${FINGERPRINT}`;
const OBFS4 = `obfs4 192.0.2.11:443 ${FINGERPRINT} cert=${'Aa0+/'.repeat(14)} iat-mode=0`;
const MEEK = 'meek_lite 192.0.2.20:80 url=https://meek.example/';
const SNOWFLAKE = 'snowflake 192.0.2.3:80 url=https://broker.example/ ice=stun:stun.example:3478';
const WEBTUNNEL = 'webtunnel [2001:db8::1]:443 url=https://bridge.example/path';

const { PATH } = process.env;
let directory: TemporaryDirectory;
/** The only directory in PATH. */
let bin: string;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  bin = join(directory.path, 'bin');
  mkdirSync(bin);
  process.env['PATH'] = bin;
});
afterEach(async () => {
  process.env['PATH'] = PATH;
  await directory[Symbol.asyncDispose]();
});

function addProgram(name: string, folder: string = bin): string {
  const path = join(folder, name);
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o700);
  return path;
}

function writeBridges(...lines: readonly string[]): string {
  const path = join(directory.path, 'bridges');
  writeFileSync(path, lines.join('\n'), { mode: 0o600 });
  return path;
}

function torOf(flags: Sources['flags'], env: Sources['env'] = {}): Config['tor'] {
  return validate(loadSettings({ flags, env })).tor;
}

/** Problems with their remedies. None may show a part of a bridge line. */
function problemsOf(flags: Sources['flags']): readonly string[] {
  try {
    torOf(flags);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    const problems = error.problems.map(({ problem, remedy = '' }) => `${problem}; ${remedy}`);
    for (const text of problems) assert.doesNotMatch(text, /192\.0\.2|2001:db8|0123456789|Aa0\+|\.example/);
    return problems;
  }
}

test('bridges come from the command line, the environment and the configuration file', () => {
  const lines = (tor: Config['tor']): string[] => tor.bridges.map((bridge) => bridge.toTorrc());
  const file = join(directory.path, 'dns4tor.toml');
  writeFileSync(file, `bridge = ["${VANILLA}", "192.0.2.12:443"]`, { mode: 0o600 });
  assert.deepEqual(lines(torOf({ bridge: [VANILLA, '192.0.2.12:443'] })), [VANILLA, '192.0.2.12:443']);
  assert.deepEqual(lines(torOf({}, { DNS4TOR_BRIDGE: `${VANILLA}\n192.0.2.12:443` })), [VANILLA, '192.0.2.12:443']);
  assert.deepEqual(lines(torOf({ config: [file] })), [VANILLA, '192.0.2.12:443']);
  const both = torOf({ bridge: [VANILLA], 'bridges-file': [writeBridges('# mine', '192.0.2.13:443')] });
  assert.deepEqual(lines(both), [VANILLA, '192.0.2.13:443']);
});

test('a configuration file that others can read must hold no bridge; other settings may stand there', () => {
  const file = join(directory.path, 'dns4tor.toml');
  writeFileSync(file, `bridge = "${VANILLA}"`);
  chmodSync(file, 0o644);
  assert.match(problemsOf({ config: [file] }).join(), /^bridge in .*; run chmod 600 \S*dns4tor\.toml$/);
  writeFileSync(file, `bridges-file = "${writeBridges(VANILLA)}"`);
  assert.deepEqual(problemsOf({ config: [file] }), []);
});

test('with bridges, auto means a managed tor, because a running Tor would not use them', () => {
  assert.equal(torOf({}).socks.kind, 'auto');
  assert.equal(torOf({ bridge: [VANILLA] }).socks.kind, 'managed');
  assert.equal(torOf({ 'bridges-file': [writeBridges(VANILLA)] }).socks.kind, 'managed');
});

test('an empty value is refused, as of an unset variable: tor would connect to public relays without a word', () => {
  for (const key of ['bridge', 'bridges-file'] as const) {
    for (const text of ['', ' ']) {
      const problems = problemsOf({ [key]: [text] });
      assert.equal(problems.length, 1);
      assert.ok(problems[0]?.startsWith(`--${key}: `), problems[0]);
    }
  }
});

test('bridges for a running Tor are a contradiction', () => {
  for (const flags of [{ bridge: [VANILLA] }, { 'bridges-file': [writeBridges(VANILLA)] }]) {
    for (const where of ['127.0.0.1:9050', 'unix:/run/tor/socks']) {
      const problems = problemsOf({ ...flags, 'tor-socks': [where] });
      assert.equal(problems.length, 1);
      assert.match(problems.join(), /^--bridge.*--tor-socks.*docs\/bridges\.md/);
    }
    assert.equal(problemsOf({ ...flags, 'tor-control': ['127.0.0.1:9051'] }).length, 1);
    assert.deepEqual(problemsOf({ ...flags, 'tor-control': ['none'] }), []);
    assert.deepEqual(problemsOf({ ...flags, 'tor-socks': ['managed'] }), []);
  }
});

test('the program of each transport is found in PATH; lyrebird is preferred, and a vanilla bridge needs none', () => {
  const obfs4proxy = addProgram('obfs4proxy');
  const snowflake = addProgram('snowflake-client');
  const bridges = [VANILLA, OBFS4, MEEK, SNOWFLAKE];
  assert.deepEqual(torOf({ bridge: [VANILLA] }).transports, []);
  assert.deepEqual(torOf({ bridge: bridges }).transports, [
    { transport: 'obfs4', path: obfs4proxy },
    { transport: 'meek_lite', path: obfs4proxy },
    { transport: 'snowflake', path: snowflake },
  ]);
  const lyrebird = addProgram('lyrebird');
  assert.deepEqual(
    torOf({ bridge: [...bridges, WEBTUNNEL] }).transports.map(({ path }) => path),
    [lyrebird, lyrebird, snowflake, lyrebird],
  );
  const webtunnel = addProgram('webtunnel-client');
  assert.deepEqual(torOf({ bridge: [WEBTUNNEL] }).transports, [{ transport: 'webtunnel', path: webtunnel }]);
});

test('a program in a relative directory of PATH is not used', () => {
  addProgram('obfs4proxy');
  const folder = process.cwd();
  process.chdir(directory.path);
  try {
    for (const path of ['bin', '', '.']) {
      process.env['PATH'] = path;
      assert.equal(problemsOf({ bridge: [OBFS4] }).length, 1);
    }
  } finally {
    process.chdir(folder);
  }
});

test('a transport without a program is a problem that names the package', () => {
  assert.match(problemsOf({ bridge: [OBFS4] }).join(), /\bobfs4\b.*; install the package obfs4proxy/);
  assert.match(problemsOf({ bridge: [MEEK] }).join(), /\bmeek_lite\b.*; install the package obfs4proxy/);
  assert.match(problemsOf({ bridge: [SNOWFLAKE] }).join(), /\bsnowflake\b.*; install the package snowflake-client/);
  assert.match(problemsOf({ bridge: [WEBTUNNEL] }).join(), /\bwebtunnel\b.*; .*--transport webtunnel=/);
  assert.equal(problemsOf({ bridge: [OBFS4, SNOWFLAKE, WEBTUNNEL] }).length, 3);
});

test('--transport names another program, and programs for further transports', () => {
  addProgram('lyrebird');
  const mine = addProgram('mine', directory.path);
  const dust = 'dust 192.0.2.30:443 any=thing';
  const flags = { bridge: [OBFS4, dust], transport: [`obfs4=${mine}`, `dust=${mine}`] };
  assert.deepEqual(torOf(flags).transports, [
    { transport: 'obfs4', path: mine },
    { transport: 'dust', path: mine },
  ]);
});

test('an unknown transport is refused with the place of its line, and not quoted', () => {
  const [problem = '', ...others] = problemsOf({
    bridge: [VANILLA, `A${FINGERPRINT} 192.0.2.30:443`, 'Obfs4 192.0.2.31:443'],
  });
  assert.match(problem, /^--bridge, number 2: /);
  assert.match(others.join('\n'), /^--bridge, number 3: [^\n]*$/);
  const cut = 'CanaryTransport 192.0.2.30:443';
  const path = writeBridges(VANILLA, '', cut);
  const [inFile = ''] = problemsOf({ 'bridges-file': [path] });
  assert.ok(inFile.startsWith(`--bridges-file: '${path}' line 3: `), inFile);
  assert.ok(!inFile.includes('CanaryTransport'));
});

test('a program without a bridge that needs it is refused, and two programs for one transport', () => {
  const mine = addProgram('mine');
  assert.match(problemsOf({ transport: [`obfs4=${mine}`] }).join(), /^--transport: .*\bobfs4\b/);
  assert.match(problemsOf({ bridge: [VANILLA], transport: [`obfs4=${mine}`] }).join(), /^--transport: /);
  assert.match(
    problemsOf({ bridge: [OBFS4], transport: [`obfs4=${mine}`, `obfs4=${mine}2`] }).join(),
    /^--transport: /,
  );
});

test('a program must be an absolute path that a torrc can express, and executable', () => {
  const folder = join(directory.path, 'a b');
  mkdirSync(folder);
  const unfit = [
    'mine',
    './mine',
    addProgram('mine', folder),
    addProgram('a#b'),
    addProgram('a\\b'),
    addProgram('a\tb'),
  ];
  const data = join(directory.path, 'data');
  writeFileSync(data, '');
  for (const path of [...unfit, data, directory.path, '/nonexistent', '']) {
    assert.equal(problemsOf({ bridge: [OBFS4], transport: [`obfs4=${path}`] }).length, 1, path);
  }
  for (const text of ['/usr/bin/env', '=/usr/bin/env', 'ob-fs=/usr/bin/env', '4obfs=/usr/bin/env']) {
    assert.equal(problemsOf({ bridge: [VANILLA], transport: [text] }).length, 1, text);
  }
});

test('a program that another user could replace is refused, wherever it was found', () => {
  const open = join(directory.path, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  const program = addProgram('obfs4proxy', open);
  assert.match(problemsOf({ bridge: [OBFS4], transport: [`obfs4=${program}`] }).join(), /could replace it/);
  process.env['PATH'] = open;
  assert.match(problemsOf({ bridge: [OBFS4] }).join(), /could replace it/);
  symlinkSync(program, join(bin, 'obfs4proxy'));
  process.env['PATH'] = bin;
  assert.match(problemsOf({ bridge: [OBFS4] }).join(), /could replace it/);
});

test('two bridges at one address and port are refused, because tor would drop one of them', () => {
  const path = writeBridges('192.0.2.14:443', VANILLA);
  const [problem = '', ...others] = problemsOf({ bridge: [VANILLA], 'bridges-file': [path] });
  assert.deepEqual(others, []);
  assert.ok(problem.startsWith(`--bridges-file: '${path}' line 2: `), problem);
  assert.equal(problemsOf({ bridge: ['[2001:db8::1]:443', '[2001:DB8:0::1]:443'] }).length, 1);
  assert.deepEqual(problemsOf({ bridge: ['192.0.2.14:443', '192.0.2.14:444'] }), []);
});

test('all sources together give at most 64 bridges', () => {
  const path = writeBridges(...Array.from({ length: 64 }, (_, n) => `192.0.2.15:${n + 1}`));
  assert.deepEqual(problemsOf({ 'bridges-file': [path] }), []);
  assert.equal(problemsOf({ 'bridges-file': [path], bridge: [VANILLA] }).length, 1);
});

test('a wrong line is named by its number if there are several, and not quoted', () => {
  const wrong = '192.0.2.10:443 0123456789';
  assert.match(problemsOf({ bridge: [wrong] }).join(), /^--bridge: /);
  assert.match(problemsOf({ bridge: ['192.0.2.14:443', wrong] }).join(), /^--bridge, number 2: /);
  const file = join(directory.path, 'dns4tor.toml');
  writeFileSync(file, `bridge = ["192.0.2.14:443", "${wrong}"]`, { mode: 0o600 });
  assert.match(problemsOf({ config: [file] }).join(), /^bridge in .*dns4tor\.toml, number 2: /);
});

test('a bridge among the torrc lines is refused without being quoted, also abbreviated as tor accepts it', () => {
  const lines = [
    `Bridge ${VANILLA}`,
    `bridg ${VANILLA} \\`,
    'UseBridges 1',
    'ClientTransportP obfs4 exec /x',
    'BRIDGE',
  ];
  for (const line of lines) {
    const problems = problemsOf({ 'tor-option': [line] });
    assert.equal(problems.length, 1, line);
    assert.match(problems.join(), /--bridge/);
  }
});
