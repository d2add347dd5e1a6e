import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeProgram } from '../../packaging/commands.ts';
import { checksFor } from '../../src/check/checks.ts';
import { createProgram } from '../../src/cli/main.ts';
import { Reporter } from '../../src/cli/output/reporter.ts';
import { loadSettings } from '../../src/config/load.ts';
import { flagOf, OPTION_KEYS } from '../../src/config/options.ts';
import { validate } from '../../src/config/validate.ts';
import { checkCommandLine, ONION } from './dns4tor-command.ts';
import { PAGES, pageAt, ROOT } from './pages.ts';
import { parseShell, type ShellCommand } from './shell.ts';

interface Manifest {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly repository: { readonly url: string };
}

const { version, scripts, repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** Flags of other programs that the docs use. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  apt: [],
  'apt-get': [],
  base64: [],
  bash: [],
  cd: [],
  chmod: [],
  chown: [],
  cloudflared: ['--no-autoupdate', '--port', '--metrics', '--upstream'],
  cp: [],
  curl: ['--fail', '--silent', '--unix-socket'],
  dig: ['+short', '-p'],
  dns4tor: [],
  export: [],
  git: [],
  install: ['-D', '-m', '-t'],
  kdig: ['+tls', '+https'],
  journalctl: ['--unit', '--since', '-10min'],
  node: ['--test', '--test-concurrency=1'],
  npm: ['-g', '--', '--regime', '--drift', '--seeds', '--mutations', '--port'],
  openssl: ['-in', '-noout', '-pubkey', '-pubin', '-outform', '-sha256', '-binary'],
  'pihole-FTL': ['--config'],
  resolvectl: [],
  service: [],
  setcap: [],
  ss: ['-lnptu'],
  systemctl: ['--now'],
  uci: ['-q'],
  'update-ca-certificates': [],
};

const NPM_COMMANDS = ['start', 'test', 'pack', 'install'];
const UNIT = /^dns4tor(?:[-\w]*\.(?:service|socket))?$/;

async function checkCommand([program = '', ...args]: ShellCommand): Promise<void> {
  if (program === 'dns4tor' || program === 'bin/dns4tor') return await checkCommandLine(args);
  const flags = PROGRAMS[program];
  assert.ok(flags !== undefined, `${program} is not a program that the docs use`);
  for (const arg of args.filter((one) => /^[-+]/.test(one) && !one.startsWith('+ep'))) {
    assert.ok(flags.includes(arg) || arg.startsWith('cap_') || arg.startsWith('+tls-'), `${program} ${arg}`);
  }
  if (program === 'npm') checkNpm(args);
  if (program === 'git') assert.deepEqual(args, ['clone', repository.url.replace(/^git\+|\.git$/g, '')]);
  if (program === 'systemctl') {
    const units = args.slice(1).filter((arg) => arg.startsWith('dns4tor'));
    for (const unit of units) assert.ok(UNIT.test(unit) && exists(`systemd/${withSuffix(unit)}`), unit);
  }
  for (const path of args.filter((arg) => /^(?:systemd|contrib|test|scripts)\//.test(arg))) {
    assert.ok(exists(path), `there is no ${path}`);
  }
}

function checkNpm([command = '', name = '', ...rest]: readonly string[]): void {
  if (command === 'run') assert.ok(name in scripts, `package.json has no script ${name}`);
  else assert.ok(NPM_COMMANDS.includes(command), `npm ${command}`);
  for (const word of [name, ...rest].filter((one) => one.endsWith('.tgz'))) {
    assert.equal(word, `./dns4tor-${version}.tgz`);
  }
}

function withSuffix(unit: string): string {
  return unit.includes('.') ? unit : `${unit}.service`;
}

function exists(pattern: string): boolean {
  return globSync(pattern, { cwd: ROOT }).length > 0;
}

for (const { path, blocks } of PAGES) {
  const commands = blocks.flatMap(({ language, text, place }) =>
    language === 'sh' ? parseShell(text).map((words) => ({ words, place })) : [],
  );
  if (commands.length === 0) continue;
  test(`every command of ${path} is one that its program takes`, async () => {
    for (const { words, place } of commands) {
      await assert.doesNotReject(checkCommand(words), `${place}: ${words.join(' ')}`);
    }
  });
}

test('every example in the help is a command line that dns4tor takes', async () => {
  const { commands } = describeProgram(await createProgram(new Reporter()));
  const examples = commands.flatMap(({ notes }) => [...notes.matchAll(/^ {2}((?:sudo )?dns4tor .*?)(?: {2,}.*)?$/gm)]);
  assert.ok(examples.length > 15);
  for (const [, example = ''] of examples) {
    for (const words of parseShell(example)) {
      if (words[0] === 'dns4tor') await assert.doesNotReject(checkCommandLine(words.slice(1)), example);
    }
  }
});

test('every block is of a language that is checked, or output', () => {
  const languages = new Set(PAGES.flatMap(({ blocks }) => blocks.map(({ language }) => language)));
  // Configuration of other programs, which test/protocol/recipes and doh-behind-proxy.test.ts run or parse.
  const ofOthers = ['conf', 'dnsmasq', 'haproxy', 'json', 'nginx', 'unbound', 'yaml'];
  assert.deepEqual([...languages].toSorted(), ['ini', 'sh', 'text', 'toml', 'torrc', ...ofOthers].toSorted());
});

test('the text names only npm scripts and dns4tor commands that exist', async () => {
  const program = await createProgram(new Reporter());
  const names = program.commands.map((command) => command.name());
  for (const { path, prose } of PAGES) {
    for (const [, name = ''] of prose.matchAll(/`npm run ([\w:]+)/g)) assert.ok(name in scripts, `${path}: ${name}`);
    for (const [, name = ''] of prose.matchAll(/`(?:sudo )?dns4tor ([a-z][\w-]*)/g)) {
      // cloudflared's name of `proxy-dns`, with --proxy-dns.
      if (name === 'tunnel') continue;
      assert.ok(names.includes(name), `${path}: dns4tor ${name}`);
    }
  }
});

/** Flags of other programs in the text. */
const FOREIGN_FLAGS = [
  '--dnssec',
  '--help',
  '--mutations',
  '--now',
  '--test',
  '--test-concurrency',
  '--unix-socket',
  '--version',
  '--omit',
  '--sbom-format',
  '--proxy-dns',
];

test('the text names only flags that exist', async () => {
  const program = await createProgram(new Reporter());
  const own = program.commands.flatMap(({ options }) => options.flatMap(({ long }) => long ?? []));
  const known = new Set([...own, ...OPTION_KEYS.map(flagOf), ...FOREIGN_FLAGS]);
  // environment.md is about the flags of Node, cloudflared.md about those of cloudflared, and performance.md also about
  // those of benchmarks.
  const pages = PAGES.filter(
    ({ path }) => !['CHANGELOG.md', 'docs/cloudflared.md', 'docs/environment.md', 'docs/performance.md'].includes(path),
  );
  for (const { path, prose } of pages) {
    for (const [, flag = ''] of prose.matchAll(/(?<=[`\s(])(--[a-z][\w-]*)/g)) {
      assert.ok(known.has(flag), `${path}: ${flag}`);
    }
  }
});

test('the table of checks has each check of the command, in its order', () => {
  const config = validate(loadSettings({ flags: {}, env: {} }));
  const onionAuths = [{ address: ONION, key: generateKeyPairSync('x25519').privateKey }];
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const encrypted = {
    ...config.encrypted,
    dotAddresses: ['127.0.0.1'],
    dohAddresses: ['127.0.0.1'],
    tls: { certificatePath: '', certificate: '', keyPath: '', key },
  };
  const ids = checksFor({ ...config, encrypted, tor: { ...config.tor, onionAuths } }).map(({ id }) => id);
  const table = pageAt('docs/commands.md').prose.split('| check |')[1] ?? '';
  const cells = table.split('\n\n')[0]?.matchAll(/^\| (?<cell>`[^|]*) \|/gm) ?? [];
  const listed = [...cells].flatMap(({ groups }) => (groups?.['cell'] ?? '').replaceAll('`', '').split(', '));
  assert.deepEqual(listed, ids);
});
