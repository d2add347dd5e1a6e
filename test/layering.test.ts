import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { before, test } from 'node:test';
import { parseSync } from 'oxc-parser';

const ROOT = join(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'src');

/**
 * What each room (a folder of src) may import: another room, or one file of it. `type:` in front permits only what
 * leaves no trace at run time. A room imports only from rooms above it in this table.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  failures: [],
  lib: ['failures'],
  log: ['lib'],
  message: ['failures', 'lib'],
  model: ['lib', 'type:failures', 'type:message'],
  metrics: ['failures', 'lib', 'message', 'model'],
  status: ['failures', 'lib', 'metrics', 'model'],
  http: ['failures', 'lib', 'metrics', 'model/usual-ports.ts'],
  policy: ['failures', 'message', 'model', 'metrics/metrics.ts'],
  cache: ['failures', 'lib', 'message', 'model', 'metrics/metrics.ts'],
  upstream: ['failures', 'lib', 'message', 'model', 'metrics/metrics.ts'],
  tor: ['failures', 'lib', 'model'],
  listener: ['failures', 'lib', 'message', 'model', 'metrics/metrics.ts'],
  resolver: ['failures', 'lib', 'message', 'model', 'metrics/metrics.ts', 'policy', 'cache', 'type:upstream'],
  config: ['failures', 'lib', 'log', 'model', 'tor/tor-uids.ts'],
  system: ['failures', 'lib', 'model', 'tor/tor-uids.ts'],
  certificate: [
    'failures',
    'lib',
    'model/names/host-name.ts',
    'model/usual-ports.ts',
    'system/transaction/file-system.ts',
    'system/transaction/file-state.ts',
  ],
  daemon: [
    'failures',
    'lib',
    'log',
    'message',
    'model',
    'metrics',
    'status',
    'http',
    'policy',
    'cache',
    'upstream',
    'tor',
    'listener',
    'resolver',
    'config',
    'system',
  ],
  client: ['failures', 'lib', 'message', 'model', 'type:status', 'type:config', 'daemon/expand-addresses.ts'],
  check: [
    'failures',
    'lib',
    'message',
    'model',
    'upstream',
    'tor',
    'config',
    'system',
    'daemon/expand-addresses.ts',
    'daemon/upstreams.ts',
    'type:status',
    'client',
  ],
  cli: [
    'failures',
    'lib',
    'log',
    'message',
    'model',
    'status',
    'config',
    'system',
    'tor/process/state-directory.ts',
    'certificate',
    'daemon',
    'client',
    'check',
  ],
};

/** Packages that a single file may import. */
const DOORS: Readonly<Record<string, string>> = {
  'dns-packet': 'message/wire/codec.ts',
  koffi: 'listener/udp/linux-sockets.ts',
  'prom-client': 'metrics/prometheus.ts',
  undici: 'upstream/transport/http-connection.ts',
};

/** More files than this in a folder, and a newcomer no longer sees what belongs together: it needs subfolders. */
const MAX_FILES = 13;
const MAX_LINES = 400;

/** Conversion factors, such as the milliseconds of a second. */
const SELF_EXPLANATORY = 'lib/units.ts';

/** Loaded by the executable. */
const ENTRY_POINTS: ReadonlySet<string> = new Set(['cli/main.ts']);

/** The sources of nondeterminism. `lib/clock.ts` wraps them, so that tests can control them. */
const TIME_AND_CHANCE = /\bDate\.now\b|\bperformance\b|(?<![.\w])set(?:Timeout|Interval)\b|\bMath\.random\b|\bhrtime\b/;

interface Import {
  readonly specifier: string;
  /** Names that are imported from the module; `*` for all of them. */
  readonly names: readonly string[];
  /** Whether it leaves no trace at run time. */
  readonly typeOnly: boolean;
}

interface SourceFile {
  /** Relative to src, with forward slashes. */
  readonly path: string;
  readonly room: string;
  /** Without comments. */
  readonly code: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Exported functions, classes and constants. Types may also be exported for the signatures that name them. */
  readonly exports: readonly string[];
  /** Exports without a doc comment, but for types that a list of values above them defines. */
  readonly undocumented: readonly string[];
}

let files: readonly SourceFile[];

before(async () => {
  files = await readSources(SOURCE, '**/*.ts');
  assert.ok(files.length > 50, 'the source files are not where this test looks for them');
});

async function readSources(folder: string, pattern: string): Promise<SourceFile[]> {
  const paths: string[] = [];
  for await (const path of glob(pattern, { cwd: folder })) paths.push(path);
  return Promise.all(paths.toSorted().map(async (path) => parse(path, await readFile(join(folder, path), 'utf8'))));
}

function parse(path: string, source: string): SourceFile {
  const { module, program, comments, errors } = parseSync(path, source);
  assert.deepEqual(errors, [], path);
  const { staticImports, staticExports, dynamicImports } = module;
  const exported = staticExports.flatMap(({ entries }) => entries);
  const types = new Set(
    program.body.flatMap((statement) =>
      statement.type === 'ExportNamedDeclaration' &&
      (statement.declaration?.type === 'TSInterfaceDeclaration' ||
        statement.declaration?.type === 'TSTypeAliasDeclaration')
        ? [statement.declaration.id.name]
        : [],
    ),
  );
  const imports: Import[] = [
    ...staticImports.map(({ moduleRequest, entries }) => ({
      specifier: moduleRequest.value,
      names: entries.map(({ importName }) => nameOf(importName)),
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    })),
    ...exported.flatMap(({ moduleRequest, importName, isType }) =>
      moduleRequest === null ? [] : [{ specifier: moduleRequest.value, names: [nameOf(importName)], typeOnly: isType }],
    ),
    ...dynamicImports.map(({ moduleRequest }) => ({
      specifier: source.slice(moduleRequest.start + 1, moduleRequest.end - 1),
      names: ['*'],
      typeOnly: false,
    })),
  ];
  const undocumented = program.body.flatMap((statement) => {
    if (statement.type !== 'ExportNamedDeclaration' || !statement.declaration) return [];
    const isDerived =
      statement.declaration.type === 'TSTypeAliasDeclaration' &&
      statement.declaration.typeAnnotation.type === 'TSIndexedAccessType';
    const isDocumented = source.slice(0, statement.start).trimEnd().endsWith('*/');
    return isDerived || isDocumented ? [] : [`${path}: ${source.slice(statement.start).split('\n', 1).join()}`];
  });
  let code = '';
  let end = 0;
  for (const comment of comments) {
    code += source.slice(end, comment.start);
    ({ end } = comment);
  }
  code += source.slice(end);
  return {
    path,
    room: path.split('/', 1).join(),
    code,
    lines: source.split('\n').length - 1,
    imports,
    undocumented,
    exports: exported.map(({ exportName }) => nameOf(exportName)).filter((name) => !types.has(name)),
  };
}

function nameOf({ kind, name }: { readonly kind: string; readonly name: string | null }): string {
  return name ?? (kind === 'Default' ? 'default' : '*');
}

/** The file that a relative import means; undefined for a package. */
function targetOf(file: SourceFile, { specifier }: Import): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(file.path), specifier)) : undefined;
}

function isAllowed(file: SourceFile, target: string, typeOnly: boolean): boolean {
  const room = target.split('/', 1).join();
  if (room === file.room) return true;
  const rules = ALLOWED[file.room] ?? [];
  const names = [room, target].flatMap((name) => (typeOnly ? [name, `type:${name}`] : [name]));
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

test('the table has every room of src, and each may import only from rooms above it', () => {
  assert.deepEqual(new Set(files.map(({ room }) => room)), new Set(Object.keys(ALLOWED)));
  const above = new Set<string>();
  for (const [room, rules] of Object.entries(ALLOWED)) {
    for (const rule of rules) assert.ok(above.has(rule.replace('type:', '').split('/', 1).join()), `${room}: ${rule}`);
    above.add(room);
  }
});

test('each room imports only what the table allows', () => {
  const broken = files.flatMap((file) =>
    file.imports.flatMap((statement) => {
      const target = targetOf(file, statement);
      if (target === undefined || isAllowed(file, target, statement.typeOnly)) return [];
      return [`${file.path} imports ${statement.typeOnly ? 'types of ' : ''}${target}`];
    }),
  );
  assert.deepEqual(broken, []);
});

test('no import cycle', () => {
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

test('every relative import names an existing file with its extension', () => {
  const paths = new Set(files.map(({ path }) => path));
  const missing = files.flatMap((file) =>
    file.imports.flatMap((statement) => {
      const target = targetOf(file, statement);
      return target === undefined || paths.has(target) ? [] : [`${file.path}: ${statement.specifier}`];
    }),
  );
  assert.deepEqual(missing, []);
});

test('no folder has too many files, no file too many lines, and no two files the same name', () => {
  const folders = Map.groupBy(files, ({ path }) => dirname(path));
  assert.deepEqual(
    [...folders].filter(([, { length }]) => length > MAX_FILES).map(([folder, { length }]) => `${folder}: ${length}`),
    [],
  );
  assert.deepEqual(
    filesThat(({ lines }) => lines > MAX_LINES),
    [],
  );
  const names = Map.groupBy(files, ({ path }) => basename(path));
  assert.deepEqual(
    [...names.values()].filter(({ length }) => length > 1).map((same) => same.map(({ path }) => path)),
    [],
  );
});

test('every exported value is imported by another file', async () => {
  const users = [
    ...files.map((file) => ({ ...file, path: join('src', file.path) })),
    ...(await readSources(ROOT, '{bench,packaging,page,scripts,test}/**/*.{ts,js}')),
  ];
  const isUsed = (path: string, name: string): boolean =>
    ENTRY_POINTS.has(path) || used.has(`src/${path} ${name}`) || used.has(`src/${path} *`);
  const used = new Set(
    users.flatMap((file) =>
      file.imports.flatMap((statement) => statement.names.map((name) => `${targetOf(file, statement)} ${name}`)),
    ),
  );
  const unused = files.flatMap(({ path, exports }) =>
    exports.filter((name) => !isUsed(path, name)).map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(unused, []);
});

test('every export has a doc comment', () => {
  assert.deepEqual(
    files.filter(({ path }) => path !== SELF_EXPLANATORY).flatMap(({ undocumented }) => undocumented),
    [],
  );
});

test('there are no barrels', () => {
  assert.deepEqual(
    filesThat(({ path }) => basename(path) === 'index.ts'),
    [],
  );
});

for (const [packageName, door] of Object.entries(DOORS)) {
  test(`only ${door} imports ${packageName}`, () => {
    const importers = filesThat(({ imports }) => imports.some((statement) => packageOf(statement) === packageName));
    assert.deepEqual(importers, [door]);
  });
}

test('every TLS connection verifies the certificate, whatever the environment says', () => {
  // Each of these leaves the decision to NODE_TLS_REJECT_UNAUTHORIZED, or uses the proxy that HTTPS_PROXY names.
  const unverified = /'node:https'|(?<![.\w])(?:fetch|WebSocket|EventSource)\(/;
  assert.deepEqual(
    filesThat(({ code }) => unverified.test(code)),
    [],
  );
  // Options of a call, up to the end of its statement. An HTTP client dials by itself unless it is given a connection.
  const required = [
    ['node:tls', 'connect', /(?<![.\w])connect\([^;]*;/g, /\brejectUnauthorized: true\b/],
    // As a server, which asks for no certificate.
    ['node:tls', 'TLSSocket', /\bnew TLSSocket\([^;]*;/g, /\bisServer: true\b/],
    ['undici/lib/dispatcher/client.js', 'Client', /\bnew Client\([^;]*;/g, /\bconnect: \(/],
  ] as const;
  for (const [module, name, call, option] of required) {
    const dialling = files.filter(({ imports }) =>
      imports.some(
        ({ specifier, names }) => specifier === module && (names.includes(name) || names.includes('default')),
      ),
    );
    assert.ok(dialling.length > 0, module);
    for (const { path, code } of dialling) {
      for (const [options] of code.matchAll(call)) assert.match(options, option, path);
    }
  }
  const whole = ['node:tls', 'node:http2', 'undici'];
  assert.deepEqual(
    filesThat(({ imports }) =>
      imports.some(
        (statement) =>
          (whole.includes(packageOf(statement)) && statement.names.includes('*')) ||
          (statement.specifier === 'node:http2' && statement.names.includes('connect')),
      ),
    ),
    [],
  );
});

test('Node is imported by its own scheme, and every package is a dependency', async () => {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
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
    filesThat(({ room, code, imports }) => {
      const timers = imports.some(({ specifier }) => /^node:(timers|perf_hooks)/.test(specifier));
      return room !== 'lib' && (timers || TIME_AND_CHANCE.test(code));
    }),
    [],
  );
  assert.deepEqual(
    filesThat(({ room, code }) => room === 'lib' && TIME_AND_CHANCE.test(code)),
    ['lib/clock.ts'],
  );
});

test('nothing writes to the console', () => {
  assert.deepEqual(
    filesThat(({ code }) => /\bconsole\b/.test(code)),
    [],
  );
});
