import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkAnswer, checkCertificate, checkReach } from '../../../src/check/checks/upstream-check.ts';
import type { UpstreamFinding } from '../../../src/check/probe-upstream.ts';
import type { UpstreamConfig } from '../../../src/config/config.ts';
import { Dns4torError } from '../../../src/failures/errors.ts';
import { createCertificateAuthority } from '../../fixtures/certificates.ts';
import { ManualClock } from '../../fixtures/manual-clock.ts';
import { configOf } from '../config-of.ts';

const ONION = configOf().upstreams[0]!;
const BY_NAME = configOf('--upstream', 'https://resolver.example/dns-query').upstreams[0]!;

/** Runs the three checks of an upstream on one finding. */
async function verdicts(
  finding: UpstreamFinding | undefined,
  upstream: UpstreamConfig = ONION,
  clock = new ManualClock(),
): Promise<readonly Verdict[]> {
  const facts = { upstream: async () => finding, clock };
  return Promise.all([checkReach, checkCertificate, checkAnswer].map((check) => check(facts, upstream)));
}

async function statuses(...args: Parameters<typeof verdicts>): Promise<readonly string[]> {
  return (await verdicts(...args)).map(({ status }) => status);
}

const ANSWERED = { reachedMs: 3000, connected: true, answer: { rcode: 'NOERROR', durationMs: 450 } } as const;

test('without Tor, all checks of the resolver are skipped', async () => {
  assert.deepEqual(await statuses(undefined), ['skip', 'skip', 'skip']);
});

test('while Tor is stuck, all checks of the resolver are skipped', async () => {
  assert.deepEqual(await statuses({ isTorStuck: true }), ['skip', 'skip', 'skip']);
});

test('one step fails, and the checks after it are skipped', async () => {
  const error = new Dns4torError('ERR_TLS_NAME', 'allowed: a.example');
  assert.deepEqual(await statuses({ error: new Dns4torError('ERR_TOR_HS_DESC_NOT_FOUND') }), ['fail', 'skip', 'skip']);
  assert.deepEqual(await statuses({ reachedMs: 1, error }), ['ok', 'fail', 'skip']);
  assert.deepEqual(await statuses({ reachedMs: 1, connected: true, error: new Dns4torError('ERR_DOH_STATUS') }), [
    'ok',
    'ok',
    'fail',
  ]);
  const [, certificate] = await verdicts({ reachedMs: 1, error });
  assert.equal(certificate?.line, error.problem);
  assert.match(error.problem, /^allowed: a\.example: /);
  assert.equal(certificate.advice, `${error.remedy?.replace('if', 'If')}.`);
});

test('every failure of a step has advice', async () => {
  for (const code of ['ERR_TOR_HS_REND_FAILED', 'ERR_TLS', 'ERR_DOH_BODY_SIZE', 'ERR_DEADLINE'] as const) {
    const error = new Dns4torError(code);
    const failed = [...(await verdicts({ error })), ...(await verdicts({ ...ANSWERED, error }))].filter(
      ({ status }) => status === 'fail',
    );
    for (const { advice = '' } of failed) assert.match(advice, /^[A-Z].*\.$/);
  }
});

test('durations are reported, and an exit relay on the way is mentioned', async () => {
  const [reach, , answer] = await verdicts(ANSWERED);
  assert.deepEqual([reach?.status, reach?.durationMs], ['ok', 3000]);
  assert.match(reach?.line ?? '', /onion service.*\b3 s$/);
  assert.deepEqual([answer?.status, answer?.durationMs], ['ok', 450]);
  assert.match(answer?.line ?? '', /\b450 ms$/);
  const [byName] = await verdicts(ANSWERED, BY_NAME);
  assert.match(byName?.line ?? '', /resolver\.example:443.*exit relay/);
});

for (const rcode of ['SERVFAIL', 'NOTIMP', 'FORMERR', 'NXDOMAIN']) {
  test(`a resolver that answers ${rcode} to the query for the root name servers does not work`, async () => {
    const [reach, , answer] = await verdicts({ ...ANSWERED, answer: { rcode, durationMs: 1 } });
    assert.deepEqual([reach?.status, answer?.status], ['ok', 'fail']);
    assert.ok(answer?.line.includes(rcode));
  });
}

test('a resolver that refuses the query for the root name servers is a warning: it may have zones of its own only', async () => {
  const [reach, , answer] = await verdicts({ ...ANSWERED, answer: { rcode: 'REFUSED', durationMs: 1 } });
  assert.deepEqual([reach?.status, answer?.status], ['ok', 'warn']);
});

test('a certificate that expires within three days is a warning', async () => {
  await using ca = await createCertificateAuthority();
  const certificate = new X509Certificate(await readFile((await ca.issue(['a.example'])).certificatePath));
  const endsAt = certificate.validToDate.getTime();
  const day = 86_400_000;
  for (const [daysLeft, status] of [
    [2, 'warn'],
    [4, 'ok'],
  ] as const) {
    const [, verdict] = await verdicts({ ...ANSWERED, certificate }, ONION, new ManualClock(endsAt - daysLeft * day));
    assert.equal(verdict?.status, status);
    assert.match(verdict?.line ?? '', new RegExp(certificate.validToDate.toISOString().slice(0, 10)));
  }
});

test('plain DNS has no certificate, which is right for an onion service and a warning otherwise', async () => {
  const plain = configOf('--upstream', `tcp://${ONION.host}`).upstreams[0]!;
  const exit = configOf('--upstream', 'tcp://192.0.2.1', '--allow-plaintext-exit', 'true').upstreams[0]!;
  assert.equal((await statuses(ANSWERED, plain))[1], 'ok');
  assert.equal((await statuses(ANSWERED, exit))[1], 'warn');
});
