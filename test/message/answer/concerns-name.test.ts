import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAnswer } from '../../../src/message/answer/answer.ts';
import { concernsName } from '../../../src/message/answer/concerns-name.ts';
import { copyAnswer } from '../../../src/message/answer/prepared-answer.ts';
import { addressRecord, buildResponse, rawName, soaRecord } from '../../fixtures/dns/messages.ts';

const aliased = parseAnswer(
  buildResponse({
    name: 'www.example.com',
    answers: [
      { type: 'CNAME', name: 'www.example.com', ttl: 300, data: 'edge.cdn.example.net' },
      addressRecord('edge.cdn.example.net', 300),
    ],
  }),
);
const denied = parseAnswer(
  buildResponse({ name: 'no.example.com', flags: 3, authorities: [soaRecord('example.com', 300, 300)] }),
);

for (const [what, answer, labels, expected] of [
  ['its own name', aliased, ['www', 'example', 'com'], true],
  ['a name above its own', aliased, ['example', 'com'], true],
  ['the root', aliased, [], true],
  ['a name below its own', aliased, ['a', 'www', 'example', 'com'], false],
  ['a name that only ends with the same letters', aliased, ['ample', 'com'], false],
  ['the end of its alias chain', aliased, ['edge', 'cdn', 'example', 'net'], true],
  ['a name above the end of its alias chain', aliased, ['example', 'net'], true],
  ['another name', aliased, ['example', 'org'], false],
  ['the name that is denied', denied, ['no', 'example', 'com'], true],
  ['a sibling of the name that is denied', denied, ['www', 'example', 'com'], false],
] as const) {
  test(`an answer ${expected ? 'concerns' : 'does not concern'} ${what}`, () => {
    assert.equal(concernsName(answer, rawName(...labels)), expected);
    // In the middle of a buffer, as in the cache.
    const { bytes, ...rest } = copyAnswer(answer);
    const shifted = { ...rest, bytes: new Uint8Array([...new Uint8Array(7), ...bytes]), start: 7 };
    assert.equal(concernsName(shifted, rawName(...labels)), expected);
  });
}
