import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ListKind, ListParser } from '../../../src/policy/blocking/list-parser.ts';
import { RULE } from '../../../src/policy/blocking/name-set.ts';
import { decodeLabels } from './labels.ts';

const BELOW: ReadonlySet<number> = new Set([RULE.blockBelow, RULE.allowBelow]);

interface Found {
  /** `*.` in front stands for the name and all names below it. */
  readonly names: readonly string[];
  readonly otherLines: number;
}

function parse(text: string, kind: ListKind = 'block', chunkBytes = Infinity): Found {
  const names: string[] = [];
  const sink = {
    add: (name: Uint8Array, start: number, rule: number) =>
      names.push(`${BELOW.has(rule) ? '*.' : ''}${decodeLabels(name, start)}`),
  };
  const parser = new ListParser(sink, kind);
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += chunkBytes) parser.push(bytes.subarray(i, i + chunkBytes));
  parser.end();
  return { names, otherLines: parser.otherLines };
}

test('hosts lines block their names alone, with each address that means nowhere', () => {
  for (const address of ['0.0.0.0', '127.0.0.1', '::', '::1']) {
    assert.deepEqual(parse(`${address} ads.example\ttrack.example # both\n`), {
      names: ['ads.example', 'track.example'],
      otherLines: 0,
    });
  }
});

test('the names of the machine at the top of a hosts file are neither blocked nor reported', () => {
  const text = '127.0.0.1 localhost\n::1 localhost ip6-loopback\n0.0.0.0 0.0.0.0\n0.0.0.0 ads.example\n';
  assert.deepEqual(parse(text), { names: ['ads.example'], otherLines: 0 });
});

test('a hosts line with another address is reported, because its meaning is unknown', () => {
  assert.deepEqual(parse('192.168.1.5 nas.example\nfe80::1%lo0 localhost\n255.255.255.255 broadcasthost\n'), {
    names: [],
    otherLines: 3,
  });
});

test('a plain name and an AdBlock line block the name and all names below it', () => {
  const text = 'Ads.Example.\n||track.example^\n||cdn.example^|\n||zip^\nwith.comment.example # why\n';
  assert.deepEqual(parse(text), {
    names: ['*.ads.example', '*.track.example', '*.cdn.example', '*.zip', '*.with.comment.example'],
    otherLines: 0,
  });
});

test('an exception counts in an allow list only', () => {
  assert.deepEqual(parse('@@||good.example^\n', 'allow'), { names: ['*.good.example'], otherLines: 0 });
  assert.deepEqual(parse('@@||good.example^\n', 'block'), { names: [], otherLines: 1 });
});

test('comments and empty lines are skipped', () => {
  assert.deepEqual(parse('# a\n! b\n[Adblock Plus 2.0]\n\n   \r\n  # c\n'), { names: [], otherLines: 0 });
});

test('what is not understood is reported and never guessed', () => {
  const lines = [
    '||ads.example^$third-party',
    '||ads.example/path^',
    '||*.example^',
    '|ads.example^',
    '||ads.example',
    '*.ads.example',
    '/ads[0-9]+/',
    'example.com##.banner',
    'https://ads.example/',
    'com',
    '||localhost^',
    '192.0.2.1',
    '2001:db8::1',
    'a..example',
    '.example',
    `${'a'.repeat(64)}.example`,
    `${'abc.'.repeat(80)}example`,
    'bücher.example',
    'two words.example',
    '0.0.0.0 bad/name.example',
    'x'.repeat(10_000),
  ];
  for (const line of lines) assert.deepEqual(parse(`${line}\n`), { names: [], otherLines: 1 }, line);
});

test('a byte order mark, CR LF and a last line without an end change nothing', () => {
  assert.deepEqual(parse('\ufeffads.example\r\n||track.example^\r\nlast.example'), {
    names: ['*.ads.example', '*.track.example', '*.last.example'],
    otherLines: 0,
  });
});

test('the parts in which a file is read change nothing', () => {
  const line = fc.constantFrom(
    'ads.example',
    '||a.example^',
    '0.0.0.0 b.example c.example',
    '# x',
    'com',
    '',
    'y'.repeat(5000),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (all, chunkBytes) => {
      const text = all.join('\n');
      assert.deepEqual(parse(text, 'block', chunkBytes), parse(text));
    }),
    { numRuns: 200 },
  );
});

test('any octets are read within bounds, and every name that is passed on is valid', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const sink = {
        add: (name: Uint8Array, start: number) =>
          assert.match(decodeLabels(name, start), /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/),
      };
      const parser = new ListParser(sink, 'allow');
      parser.push(bytes);
      parser.end();
    }),
  );
});
