import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NameSet, RULE, type Rule, type Verdict } from '../../../src/policy/blocking/name-set.ts';
import { rawName } from '../../fixtures/dns/messages.ts';

const KEY = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

function wire(name: string): Uint8Array {
  return rawName(...name.split('.'));
}

function setOf(...rules: readonly (readonly [string, Rule])[]): NameSet {
  const names = new NameSet(KEY, rules.length);
  for (const [name, rule] of rules) names.add(wire(name), 0, rule);
  return names;
}

function judge(names: NameSet, name: string): Verdict {
  return names.judge(wire(name), 0);
}

test('a rule for a name alone does not concern the names below it, and no rule the names above', () => {
  const names = setOf(['ads.example', RULE.block], ['track.example', RULE.blockBelow]);
  assert.equal(judge(names, 'ads.example'), 'blocked');
  assert.equal(judge(names, 'x.ads.example'), undefined);
  assert.equal(judge(names, 'track.example'), 'blocked');
  assert.equal(judge(names, 'a.b.track.example'), 'blocked');
  for (const name of ['example', 'xtrack.example', 'track.example.com', 'other.example']) {
    assert.equal(judge(names, name), undefined, name);
  }
});

test('an allow list outweighs every block list, whichever rule is more specific', () => {
  const names = setOf(
    ['example', RULE.blockBelow],
    ['good.example', RULE.allow],
    ['cdn.example', RULE.allowBelow],
    ['x.cdn.example', RULE.block],
  );
  assert.equal(judge(names, 'good.example'), 'allowed');
  assert.equal(judge(names, 'x.good.example'), 'blocked');
  assert.equal(judge(names, 'x.cdn.example'), 'allowed');
  assert.equal(judge(names, 'bad.example'), 'blocked');
});

test('names are counted once, whatever number of lists has them', () => {
  const names = setOf(['a.example', RULE.block], ['a.example', RULE.blockBelow], ['a.example', RULE.allow]);
  assert.deepEqual(names.counts, { block: 1, allow: 1 });
});

test('the root, and a name with the most labels, can be judged', () => {
  const deepest = Array.from({ length: 127 }, () => 'a').join('.');
  const names = setOf(['a', RULE.blockBelow]);
  assert.equal(judge(names, deepest), 'blocked');
  assert.equal(names.judge(Uint8Array.of(0), 0), undefined);
});

test('more names than announced are refused', () => {
  const names = new NameSet(KEY, 2);
  assert.throws(() => {
    for (const name of ['a', 'b', 'c']) names.add(wire(name), 0, RULE.block);
  }, RangeError);
});

const label = fc.constantFrom('a', 'b', 'c', 'ads');
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const rule = fc.constantFrom(...Object.values(RULE));

test('verdicts are those of a simple model, with any key', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, rule), { maxLength: 40 }),
      fc.array(name, { maxLength: 20 }),
      fc.uint8Array({ minLength: 8, maxLength: 8 }),
      (rules, asked, key) => {
        const names = new NameSet(key, rules.length);
        for (const [each, what] of rules) names.add(wire(each), 0, what);
        const covers = (candidate: string, exact: Rule, below: Rule): boolean =>
          rules.some(
            ([each, what]) =>
              ((what === exact || what === below) && each === candidate) ||
              (what === below && candidate.endsWith(`.${each}`)),
          );
        for (const candidate of asked) {
          const expected = covers(candidate, RULE.allow, RULE.allowBelow)
            ? 'allowed'
            : covers(candidate, RULE.block, RULE.blockBelow)
              ? 'blocked'
              : undefined;
          const hasBlock = rules.some(([, what]) => what === RULE.block || what === RULE.blockBelow);
          assert.equal(judge(names, candidate), hasBlock ? expected : undefined, candidate);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('hashes spread evenly: no name of 100,000 similar ones hides another', () => {
  const count = 100_000;
  const names = new NameSet(KEY, count);
  for (let i = 0; i < count; i++) names.add(wire(`host${i}.example`), 0, RULE.block);
  assert.equal(names.counts.block, count);
  for (let i = 0; i < count; i++) assert.equal(judge(names, `host${i + count}.example`), undefined);
});
