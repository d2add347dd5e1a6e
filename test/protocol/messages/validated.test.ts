import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { startBefore } from '../../fixtures/dns/behind-double.ts';
import { dig } from '../../fixtures/dns/dig.ts';
import { startDohServer } from '../../fixtures/dns/doh-server.ts';
import { LAB_QUESTIONS } from '../../fixtures/dns/lab-zone.ts';
import { startValidatingForwarder } from '../../fixtures/dns/validating-forwarder.ts';
import { eachAtOnce } from '../clients.ts';

test('RFC 4035 §4: answers that a validator finds secure without dns4tor are also secure behind dns4tor', async (t) => {
  await using authority = await startAuthoritativeServer();
  await using running = await startBefore((certificate) => startDohServer({ authority, certificate }));
  const { daemon, upstream } = running;
  await daemon.answers();
  await using behind = await startValidatingForwarder(daemon.port, authority.trustAnchor);
  await using direct = await startValidatingForwarder(upstream.plainPort, authority.trustAnchor);
  let secure = 0;

  // One at a time: with concurrent queries, the results would depend on timing, because validators cache proofs.
  await eachAtOnce(LAB_QUESTIONS, 1, async ({ name, type }) => {
    const [ours, theirs] = await Promise.all(
      [behind, direct].map(({ port }) => dig('@127.0.0.1', '-p', String(port), name, type, '+dnssec', '+tcp')),
    );
    assert.ok(ours && theirs);
    assert.deepEqual(
      [ours.status, ours.flags.includes('ad'), ours.answer.length],
      [theirs.status, theirs.flags.includes('ad'), theirs.answer.length],
      `${name} ${type}`,
    );
    if (ours.flags.includes('ad')) secure++;
  });
  t.diagnostic(`${LAB_QUESTIONS.length} questions, ${secure} answers found secure`);
  assert.ok(secure > LAB_QUESTIONS.length / 2);
});
