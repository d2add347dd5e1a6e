import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Expression, type PrivateIdentifier, parseSync, type SpreadElement, Visitor } from 'oxc-parser';

const ROOT = join(import.meta.dirname, '..');
const SOURCES = '{bin,packaging,page,scripts,src}/**/*.{ts,js}';

/**
 * Properties and variables that hold text for people. Codes, labels and enums carry the meaning, so that every text can
 * be reworded without changing what the program does.
 */
const TEXTS: ReadonlySet<string> = new Set([
  'advice',
  'explanation',
  'message',
  'problem',
  'problems',
  'remedy',
  'sentence',
  'warning',
]);

/** Output of other programs. Few offer a format that is made for programs. */
const FOREIGN_TEXTS: ReadonlySet<string> = new Set(['output', 'stderr', 'stdout']);

/** Calls that return text for people. */
const TEXT_FUNCTIONS: ReadonlySet<string> = new Set(['failureText', 'joinRemedy']);

/** Methods that compare, search or take apart a string; and those of a Map or Set that compare their key. */
const READING_METHODS: ReadonlySet<string> = new Set([
  'endsWith',
  'exec',
  'get',
  'has',
  'includes',
  'indexOf',
  'lastIndexOf',
  'localeCompare',
  'match',
  'matchAll',
  'replace',
  'replaceAll',
  'search',
  'slice',
  'split',
  'startsWith',
  'substring',
  'test',
]);

/** Files that read the output of another program, or take a text apart without reading a meaning into it. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'packaging/deb/libraries.ts': 'dpkg-shlibdeps prints a substitution variable',
  'scripts/docs/samples.ts': 'cuts excerpts for the docs out of what dns4tor prints',
  'scripts/prepare.js': 'apt-get states sizes only in words',
  'src/check/find-tor.ts': 'tor states its version only in words',
  'src/cli/commander-errors.ts': "passes commander's message on without its prefix and line break",
  'src/config/config-file.ts': "the TOML parser's message draws the line below the reason",
  'src/log/logger.ts': 'fills the placeholders of a message',
  'src/system/managers/detect-managers.ts': 'nmcli --terse has no other form',
  'src/system/managers/resolvectl.ts': 'resolvectl prints its settings as text; not every supported version has JSON',
  'src/system/sockets/socket-unit.ts': 'systemctl show has no other form',
  'src/system/transaction/mark.ts': 'the mark in files that dns4tor wrote, a format of its own',
};

const EQUALITY: ReadonlySet<string> = new Set(['===', '!==', '==', '!=']);

/** Two words with a blank in between. */
const WORDS = /[A-Za-z]{2,}[,:;.]? [a-z]{2,}/;

type Node = Expression | PrivateIdentifier | SpreadElement;

/** Whether the value is text for people: by its name, or because it is written here in words. */
function isText(node: Node): boolean {
  switch (node.type) {
    case 'Identifier':
      return isNamedText(node.name);
    case 'MemberExpression':
      // `text` is a usual name for input, but a property `text` is that of an extended DNS error.
      return node.property.type === 'Identifier' && (isNamedText(node.property.name) || node.property.name === 'text');
    case 'ChainExpression':
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSNonNullExpression':
      return isText(node.expression);
    case 'LogicalExpression':
      return isText(node.left) || isText(node.right);
    case 'CallExpression':
      return node.callee.type === 'Identifier' && TEXT_FUNCTIONS.has(node.callee.name);
    case 'Literal':
      return isInWords(node);
    case 'TemplateLiteral':
      return node.quasis.some(({ value }) => WORDS.test(value.raw));
    default:
      return false;
  }
}

function isNamedText(name: string): boolean {
  return TEXTS.has(name) || FOREIGN_TEXTS.has(name);
}

function isInWords(node: Node): boolean {
  if (node.type !== 'Literal') return false;
  if ('regex' in node) return WORDS.test(node.regex.pattern);
  return typeof node.value === 'string' && WORDS.test(node.value);
}

/** Whether a comparison with it only tells whether there is a text. */
function isAbsence(node: Node): boolean {
  if (node.type === 'Literal') return node.value === '' || node.value === null;
  return node.type === 'Identifier' && node.name === 'undefined';
}

/** The lines of a file on which code compares a text for people or takes it apart. */
function readingsOf(path: string, source: string): string[] {
  const { program, errors } = parseSync(path, source);
  assert.deepEqual(errors, [], path);
  const starts: number[] = [];
  new Visitor({
    BinaryExpression({ operator, left, right, start }) {
      if (!EQUALITY.has(operator) || isAbsence(left) || isAbsence(right)) return;
      if (isText(left) || isText(right)) starts.push(start);
    },
    SwitchStatement({ discriminant, cases, start }) {
      if (isText(discriminant) || cases.some(({ test: value }) => value !== null && isText(value))) starts.push(start);
    },
    CallExpression({ callee, arguments: values, start }) {
      if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier') return;
      if (!READING_METHODS.has(callee.property.name)) return;
      if (isText(callee.object) || values.slice(0, 1).some(isText)) starts.push(start);
    },
  }).visit(program);
  return starts.toSorted((a, b) => a - b).map((start) => `${path}:${source.slice(0, start).split('\n').length}`);
}

test('no code compares, searches or takes apart a text for people', async () => {
  const found: string[] = [];
  for await (const path of glob(SOURCES, { cwd: ROOT })) {
    found.push(...readingsOf(path, await readFile(join(ROOT, path), 'utf8')));
  }
  const fileOf = (place: string): string => place.split(':', 1).join();
  assert.deepEqual(
    found.filter((place) => !(fileOf(place) in EXCEPTIONS)),
    [],
  );
  assert.deepEqual(
    Object.keys(EXCEPTIONS).filter((file) => !found.some((place) => fileOf(place) === file)),
    [],
    'these files need no exception any more',
  );
});

for (const code of [
  "if (error.message === 'out of memory') retry();",
  'if (FAILURES.ERR_TLS.problem === problem) retry();',
  "const [what, remedy] = sentence.split('; ');",
  'const detail = error.message.slice(0, -sentence.length);',
  "if (text.startsWith('the resolver failed')) retry();",
  'if (/the resolver (?:itself )?failed/.test(text)) retry();',
  'const code = CODES.get(answer.extendedError?.text);',
  "switch (failureText(code)) { case 'x': retry(); }",
  "switch (state) { case 'not ready': retry(); }",
  'if (error!.message.match(/reset/)) retry();',
]) {
  test(`finds: ${code}`, () => assert.deepEqual(readingsOf('a.ts', code), ['a.ts:1']));
}

for (const code of [
  "if (error.code === 'ERR_TLS') retry();",
  "if (error.text === '' || error.remedy === undefined) retry();",
  "if (status === 'half_open') retry();",
  'log(`${error.problem}; ${error.remedy}`);',
  "const line = pattern.replace('{what}', 'the whole answer');",
]) {
  test(`permits: ${code}`, () => assert.deepEqual(readingsOf('a.ts', code), []));
}
