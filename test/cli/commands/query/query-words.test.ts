import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQueryWords } from '../../../../src/cli/commands/query/query-words.ts';
import { ConfigError } from '../../../../src/config/config-problem.ts';
import { nameText } from '../../../../src/message/text/name-text.ts';

/** The parsed question as text. */
function read(...words: readonly string[]): string {
  const { name, type } = readQueryWords(words, undefined);
  return `${nameText(Buffer.concat([new Uint8Array(12), name]), 12)?.text} ${type}`;
}

function problemsOf(words: readonly string[], reverse?: string): readonly string[] {
  try {
    readQueryWords(words, reverse);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ problem, remedy }) =>
        [problem, ...(remedy === undefined ? [] : [remedy])].join('; '),
      );
    throw error;
  }
  return [];
}

test('name and type may be in either order, the default type is A, and IN is accepted', () => {
  assert.equal(read('example.com'), 'example.com. 1');
  assert.equal(read('example.com.', 'mx'), 'example.com. 15');
  assert.equal(read('MX', 'example.com'), 'example.com. 15');
  assert.equal(read('example.com', 'IN', 'AAAA'), 'example.com. 28');
  assert.equal(read('example.com', 'TYPE65400'), 'example.com. 65400');
  assert.equal(read('mx', 'txt'), 'mx. 16');
  assert.equal(read('.', 'NS'), '. 2');
});

test('names may have any octets, and may be internationalized', () => {
  for (const name of ['dot\\.ted.test.', 'caf\\195\\169.test.', 'raw\\000\\255.test.', 'MiXeD.test.']) {
    assert.equal(read(name), `${name} 1`);
  }
  assert.equal(read('bücher.example'), 'xn--bcher-kva.example. 1');
  assert.equal(read('例え.テスト'), 'xn--r8jz45g.xn--zckzah. 1');
});

test('-x looks up the name of an address', () => {
  const reverse = (address: string): string => {
    const { name, type } = readQueryWords([], address);
    assert.equal(type, 12);
    return nameText(Buffer.concat([new Uint8Array(12), name]), 12)?.text ?? '';
  };
  assert.equal(reverse('192.0.2.1'), '1.2.0.192.in-addr.arpa.');
  const zeros = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0';
  assert.equal(reverse('2001:db8::12'), `2.1.0.0.0.${zeros}.8.b.d.0.1.0.0.2.ip6.arpa.`);
  assert.equal(reverse('2001:db8::12'), reverse('2001:0db8:0:0:0:0:0:0012'));
  assert.equal(reverse('::'), `${'0.'.repeat(32)}ip6.arpa.`);
  assert.deepEqual(problemsOf([], '192.0.2'), ["-x: '192.0.2' is not an IP address"]);
});

test('the + options are those of dig, and can be negated', () => {
  const { switches, server } = readQueryWords(['+dnssec', 'a.test', '+vc', '@::1', '+cd', '+nocdflag'], undefined);
  assert.deepEqual(switches, { short: false, tcp: true, dnssec: true, cd: false });
  assert.equal(server, '::1');
});

test('all problems are reported at once, with suggestions', () => {
  assert.deepEqual(problemsOf(['+shrt', '+trace', 'a..test']), [
    "unsupported dig option '+shrt'; did you mean +short?",
    "unsupported dig option '+trace'; the supported ones are +short, +tcp, +dnssec, +cd",
    "'a..test' is not a domain name; use labels of 1 to 63 octets, at most 255 octets in all",
  ]);
  assert.deepEqual(problemsOf(['a.test', 'HTTPSS']), ["unknown type 'HTTPSS'; did you mean HTTPS?"]);
  assert.match(problemsOf(['a.test', 'A', 'b.test']).join(), /^unexpected argument 'b\.test'/);
  assert.match(problemsOf([]).join(), /^no name to look up; /);
  for (const name of [`${'a'.repeat(64)}.test`, '', 'a\\', 'a\\25', 'a\\999', 'a.'.repeat(128)]) {
    assert.match(problemsOf([name]).join(), / is not a domain name; /);
  }
});
