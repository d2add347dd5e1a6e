import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { Dns4torError } from '../../src/failures/errors.ts';
import { parseAnswer } from '../../src/message/answer/answer.ts';
import { subtractAge } from '../../src/message/answer/http-age.ts';
import { HEADER_BYTES } from '../../src/message/wire/header.ts';
import { skipPlainName } from '../../src/message/wire/name.ts';
import { validateResponse } from '../../src/upstream/transport/validate-response.ts';
import { rawMessage } from '../fixtures/dns/messages.ts';
import { countReads } from './counted-bytes.ts';
import { deepOwners, redirections, shapes } from './hostile-shapes.ts';

/**
 * Bound: each record of 13 octets reads the longest name twice, and once more if Age is subtracted. Such a name takes
 * 255 octets and 126 pointers.
 */
const MAX_READS_PER_OCTET = 150;

function queryFor(response: Uint8Array): Uint8Array {
  const questionEnd = skipPlainName(response, HEADER_BYTES) + 4;
  return rawMessage({ id: 0, flags: 0x0100, questions: [response.slice(HEADER_BYTES, questionEnd)] });
}

/** Ignores the result: only the cost matters. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Dns4torError, String(error));
  }
}

/** Enough to reveal quadratic growth. */
const COUNTED_BYTES = 6000;

for (const { label, response } of shapes(COUNTED_BYTES)) {
  test(`${label}: the octets read per octet are bounded`, (t) => {
    const query = queryFor(response);
    const { wire, reads } = countReads(response);
    attempt(() => validateResponse(query, wire));
    attempt(() => void parseAnswer(wire));
    attempt(() => subtractAge(wire, 0));
    const each = reads() / response.length;
    t.diagnostic(`${each.toFixed(1)} read for each of ${response.length} octets`);
    assert.ok(each < MAX_READS_PER_OCTET, `${each} octets read for each`);
  });
}

/** The least CPU time of several runs. Elapsed time would include other processes of the machine. */
function leastCpuMs(work: () => void): number {
  const runs = Array.from({ length: 7 }, () => {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...runs);
}

const MAX_BYTES = 65_535;
const PLAIN = deepOwners(MAX_BYTES);

for (const aliases of [11, 16]) {
  const { label, response } = redirections(MAX_BYTES, aliases);
  test(`64 kB of ${label} take at most a few times as long as 64 kB of addresses`, (t) => {
    const [plain = 0, redirected = 0] = [PLAIN.response, response].map((each) => {
      const query = queryFor(each);
      return leastCpuMs(() => attempt(() => validateResponse(query, each)));
    });
    t.diagnostic(`${plain.toFixed(1)} and ${redirected.toFixed(1)} ms`);
    assert.ok(redirected < 3 * plain, `${redirected} ms instead of ${plain} ms`);
  });
}
