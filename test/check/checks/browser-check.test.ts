import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../../src/check/check-verdict.ts';
import { checkBrowser } from '../../../src/check/checks/browser-check.ts';
import type { LocalFinding } from '../../../src/check/probe-local.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { systemRandom } from '../../../src/lib/random.ts';
import { startAuthoritativeServer } from '../../fixtures/dns/authoritative-server.ts';
import { startBehindDouble } from '../../fixtures/dns/behind-double.ts';
import { GOOD } from '../../protocol/upstream-messages.ts';
import { configOf } from '../config-of.ts';

function verdictOf(port: number, who: LocalFinding['who'] = 'dns4tor'): Promise<Verdict> {
  return checkBrowser({
    clock: systemClock,
    random: systemRandom,
    config: configOf('--port', String(port)),
    local: async () => [{ address: '127.0.0.1', transport: 'udp', who }],
  });
}

test('the running dns4tor tells browsers not to use DNS over HTTPS, without asking upstream', async () => {
  await using lab = await startBehindDouble(GOOD);
  await lab.daemon.answers();
  const asked = lab.upstream.requests.length;
  const { status, line } = await verdictOf(lab.daemon.port);
  assert.equal(status, 'ok');
  assert.match(line, /bypasses dns4tor$/);
  assert.equal(lab.upstream.requests.length, asked);
});

test('a resolver that does not tell browsers so is a warning with its answer', async () => {
  await using other = await startAuthoritativeServer();
  const { status, line, advice } = await verdictOf(other.port);
  assert.equal(status, 'warn');
  assert.match(line, /\([A-Z]+ instead of NXDOMAIN\)$/);
  assert.match(advice ?? '', /DNS over HTTPS/);
});

test('without a running dns4tor, the check is skipped', async () => {
  assert.equal((await verdictOf(53, 'another')).status, 'skip');
});
