import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { daysLeft, readValidity, validityAt } from '../../../src/model/tls/certificate-validity.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';

const DAY_MS = 86_400_000;

test('a chain is valid while all its certificates are', async () => {
  await using ca = await createCertificateAuthority();
  const { certificatePath } = await ca.issue(['dns.example']);
  const leaf = await readFile(certificatePath, 'utf8');
  const [root = ''] = rootCertificates;
  const { validFromDate, validToDate } = new X509Certificate(leaf);
  assert.deepEqual(readValidity(`${root}\n${leaf}`), {
    fromEpochMs: validFromDate.getTime(),
    untilEpochMs: validToDate.getTime(),
  });
});

test('a validity is compared with the time: the last 14 days, or a third of a shorter life, call for renewal', () => {
  for (const [lifeDays, renewalDays] of [
    [90, 14],
    [6, 2],
  ] as const) {
    const validity = { fromEpochMs: 0, untilEpochMs: lifeDays * DAY_MS };
    const renewalMs = validity.untilEpochMs - renewalDays * DAY_MS;
    const states = [-1, 0, renewalMs, renewalMs + 1, validity.untilEpochMs, validity.untilEpochMs + 1];
    assert.deepEqual(
      states.map((epochMs) => validityAt(validity, epochMs)),
      ['not_yet', 'valid', 'valid', 'expiring', 'expiring', 'expired'],
    );
  }
});

test('days are whole, and negative after the end', () => {
  const validity = { fromEpochMs: 0, untilEpochMs: 10 * DAY_MS };
  assert.deepEqual(
    [0, 1, 10 * DAY_MS, 10 * DAY_MS + 1].map((epochMs) => daysLeft(validity, epochMs)),
    [10, 9, 0, -1],
  );
});
