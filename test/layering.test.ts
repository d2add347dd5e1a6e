import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { before, test } from 'node:test';

const SOURCE = join(import.meta.dirname, '..', 'src');

/**
 * What each folder may import: a folder, or one file of it. `type:` in front allows only what leaves no trace at run time.
 * `resolver/query.ts` is the shape of what passes between the parts: types, and how one of them is kept.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  message: ['lib'],
  metrics: ['lib', 'message'],
  status: ['lib', 'metrics'],
  policy: ['lib', 'message', 'metrics/metrics.ts', 'type:resolver/query.ts'],
  cache: ['lib', 'message', 'metrics/metrics.ts', 'type:resolver/query.ts'],
  upstream: ['lib', 'message', 'metrics/metrics.ts', 'type:resolver/query.ts'],
  response: ['lib', 'message', 'metrics/metrics.ts', 'type:resolver/query.ts'],
  tor: ['lib'],
  listener: ['lib', 'message', 'metrics/metrics.ts', 'resolver/query.ts'],
  resolver: ['lib', 'message', 'metrics/metrics.ts', 'policy', 'cache', 'response', 'type:upstream'],
  config: ['lib'],
  system: ['lib'],
  daemon: [
    'lib',
    'message',
    'metrics',
    'status',
    'policy',
    'cache',
    'upstream',
    'response',
    'tor',
    'listener',
    'resolver',
    'config',
    'system',
  ],
  client: ['lib', 'message', 'type:status'],
  check: [
    'lib',
    'message',
    'client',
    'config',
    'system',
    'tor',
    'upstream',
    'daemon/listen.ts',
    'daemon/resolver-connector.ts',
  ],
  cli: ['lib', 'message', 'client', 'config', 'check', 'daemon', 'system', 'status'],
};

/** Packages that one file stands in front of. */
const DOORS: Readonly<Record<string, string>> = {
  'dns-packet': 'message/codec.ts',
  koffi: 'listener/linux-sockets.ts',
  'prom-client': 'metrics/prometheus.ts',
  undici: 'upstream/http-connection.ts',
};

/** What makes a result depend on when or where it was come by; `lib` wraps the first five so that tests can turn them by hand. */
const TIME_AND_CHANCE = /\bDate\.now\b|\bperformance\b|(?<![.\w])set(?:Timeout|Interval)\b|\bMath\.random\b|\bhrtime\b/;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

interface SourceFile {
  /** Relative to src, with forward slashes. */
  readonly path: string;
  readonly folder: string;
  readonly code: string;
  readonly imports: readonly Import[];
}

let files: readonly SourceFile[];

before(async () => {
  const paths: string[] = [];
  for await (const path of glob('**/*.ts', { cwd: SOURCE })) paths.push(path);
  files = await Promise.all(
    paths.toSorted().map(async (path) => {
      const code = withoutComments(await readFile(join(SOURCE, path), 'utf8'));
      return { path, folder: path.split('/', 1).join(), code, imports: importsOf(code) };
    }),
  );
  assert.ok(files.length > 50, 'the source files are not where this test looks for them');
});

/** Good enough for a formatted source: strings that hold comment marks hold URLs, whose slashes stand behind a colon. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<![:'"`\\])\/\/.*$/gm, '');
}

function importsOf(code: string): Import[] {
  const statements = [...code.matchAll(/^(?:import|export)\b([^;'"]*?)\bfrom\s+'([^']+)'/gm)];
  const sideEffects = [...code.matchAll(/^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm)];
  return [
    ...statements.map(([, clause = '', specifier = '']) => ({ specifier, typeOnly: isTypeOnly(clause) })),
    ...sideEffects.map(([, bare, dynamic]) => ({ specifier: bare ?? dynamic ?? '', typeOnly: false })),
  ];
}

/** `import type …`, or braces in which every name has `type` in front. */
function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*$/
    .exec(clause)?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return names?.filter((name) => name !== '').every((name) => name.startsWith('type ')) ?? false;
}

/** The file that a relative import means; undefined for a package. */
function targetOf(file: SourceFile, { specifier }: Import): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(file.path), specifier)) : undefined;
}

function isAllowed(file: SourceFile, target: string, typeOnly: boolean): boolean {
  const folder = target.split('/', 1).join();
  if (folder === file.folder) return true;
  const rules = ALLOWED[file.folder] ?? [];
  const names = [folder, target].flatMap((name) => (typeOnly ? [name, `type:${name}`] : [name]));
  return names.some((name) => rules.includes(name));
}

/** The package that an import by name means: `undici` for `undici/lib/core/symbols.js`. */
function packageOf({ specifier }: Import): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function filesThat(predicate: (file: SourceFile) => boolean): string[] {
  return files.filter(predicate).map(({ path }) => path);
}

test('every folder of src has its place in the table', () => {
  const unknown = files.filter(({ folder }) => ALLOWED[folder] === undefined).map(({ path }) => path);
  assert.deepEqual(unknown, []);
});

test('each folder imports only what the table allows', () => {
  const broken = files.flatMap((file) =>
    file.imports.flatMap((statement) => {
      const target = targetOf(file, statement);
      if (target === undefined || isAllowed(file, target, statement.typeOnly)) return [];
      return [`${file.path} imports ${statement.typeOnly ? 'types of ' : ''}${target}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test('the shape of a query stands on nothing that runs', () => {
  const shape = files.find(({ path }) => path === 'resolver/query.ts');
  assert.deepEqual(
    shape?.imports.filter(({ typeOnly }) => !typeOnly),
    [],
  );
});

test('no file imports itself by way of others', () => {
  const edges = new Map(
    files.map((file) => [file.path, file.imports.flatMap((statement) => targetOf(file, statement) ?? [])]),
  );
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(path), `a cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
    if (finished.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
});

test('every relative import names a file that is there, with its extension', () => {
  const paths = new Set(files.map(({ path }) => path));
  const missing = files.flatMap((file) =>
    file.imports.flatMap((statement) => {
      const target = targetOf(file, statement);
      return target === undefined || paths.has(target) ? [] : [`${file.path}: ${statement.specifier}`];
    }),
  );
  assert.deepEqual(missing, []);
});

test('there are no barrels', () => {
  assert.deepEqual(
    filesThat(({ path }) => path.endsWith('index.ts')),
    [],
  );
});

for (const [packageName, door] of Object.entries(DOORS)) {
  test(`${packageName} is imported by ${door} and by nobody else`, () => {
    const importers = filesThat(({ imports }) => imports.some((statement) => packageOf(statement) === packageName));
    assert.deepEqual(importers, [door]);
  });
}

test('every TLS connection verifies the certificate, whatever the environment says', () => {
  // Each of these leaves the decision to NODE_TLS_REJECT_UNAUTHORIZED, or takes the proxy that HTTPS_PROXY names.
  const unverified = /'node:https'|\bnew TLSSocket\(|(?<![.\w])(?:fetch|WebSocket|EventSource)\(/;
  assert.deepEqual(
    filesThat(({ code }) => unverified.test(code)),
    [],
  );
  // Options of a call, up to the end of its statement. An HTTP client dials by itself unless it is given a connection.
  const required = [
    ['node:tls', 'connect', /(?<![.\w])connect\([^;]*;/g, /\brejectUnauthorized: true\b/],
    ['undici/lib/dispatcher/client.js', 'Client', /\bnew Client\([^;]*;/g, /\bconnect: \(/],
  ] as const;
  for (const [module, name, call, option] of required) {
    const dialling = files.filter(({ code }) => new RegExp(`\\b${name}\\b[^;]*\\bfrom '${module}'`).test(code));
    assert.ok(dialling.length > 0, module);
    for (const { path, code } of dialling) {
      for (const [options] of code.matchAll(call)) assert.match(options, option, path);
    }
  }
  const whole =
    /\* as \w+ from '(?:node:tls|node:http2|undici)|\bimport\('(?:node:tls|node:http2|undici)|\bconnect\b[^;]*\bfrom 'node:http2'/;
  assert.deepEqual(
    filesThat(({ code }) => whole.test(code)),
    [],
  );
});

test('Node is imported by its own scheme, and every package is a dependency', async () => {
  const manifest = JSON.parse(await readFile(join(SOURCE, '..', 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const packages = { ...manifest.dependencies, ...manifest.optionalDependencies };
  const strangers = files.flatMap(({ path, imports }) =>
    imports
      .map(packageOf)
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !(name in packages))
      .map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(strangers, []);
});

test('time and chance come from lib alone', () => {
  assert.deepEqual(
    filesThat(({ folder, code, imports }) => {
      const timers = imports.some(({ specifier }) => /^node:(timers|perf_hooks)/.test(specifier));
      return folder !== 'lib' && (timers || TIME_AND_CHANCE.test(code));
    }),
    [],
  );
  assert.deepEqual(
    filesThat(({ folder, code }) => folder === 'lib' && TIME_AND_CHANCE.test(code)),
    ['lib/clock.ts'],
  );
});

test('nothing writes to the console', () => {
  assert.deepEqual(
    filesThat(({ code }) => /\bconsole\b/.test(code)),
    [],
  );
});
