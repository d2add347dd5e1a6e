import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, printableJson } from '../../src/log/printable.ts';

test('foreign text cannot control a terminal', () => {
  assert.equal(printable('a\x1b[2Jb\u009bc\r\nd é'), 'a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}d é');
});

test('JSON keeps its meaning and cannot control a terminal either', () => {
  const value = { text: 'a\x1b[2J\u009b2J\x7fé', list: [1] };
  for (const indent of [undefined, 2]) {
    const json = printableJson(value, indent);
    assert.deepEqual(JSON.parse(json), value);
    // oxlint-disable-next-line no-control-regex -- these must not be there
    assert.doesNotMatch(json.replaceAll('\n', ''), /[\x00-\x1f\x7f-\x9f]/);
  }
});
