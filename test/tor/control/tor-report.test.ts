import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TorReport } from '../../../src/tor/control/tor-report.ts';

function createReport(): { report: TorReport; phases: string[] } {
  const phases: string[] = [];
  return { report: new TorReport((percent, summary) => phases.push(`${percent} ${summary}`)), phases };
}

const CIRCUITS = [
  'circuit-status=',
  '12 BUILT $AAAA~relay1,$BBBB~relay2 BUILD_FLAGS=NEED_CAPACITY PURPOSE=HS_CLIENT_REND',
  '13 EXTENDED $AAAA~relay1 PURPOSE=GENERAL',
  '14 LAUNCHED PURPOSE=GENERAL',
  '15 GUARD_WAIT $AAAA~relay1 PURPOSE=GENERAL',
].join('\n');

test('before Tor has reported anything, it is bootstrapping at 0 %', () => {
  assert.deepEqual(createReport().report.status, {
    state: 'bootstrapping',
    bootstrapPercent: 0,
    bootstrapSummary: '',
    circuits: { launched: 0, guard_wait: 0, extended: 0, built: 0 },
  });
});

test('the bootstrap phase is read from replies and events, including warnings, and changes are reported', () => {
  const { report, phases } = createReport();
  report.observe(['status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=0 TAG=starting SUMMARY="Starting"']);
  report.observe(['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=45 TAG=requesting SUMMARY="Asking for relay descriptors"']);
  report.observe([
    'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=45 TAG=requesting SUMMARY="Asking for relay descriptors" WARNING="Connection refused" REASON=CONNECTREFUSED',
  ]);
  assert.deepEqual(phases, ['0 Starting', '45 Asking for relay descriptors']);
  const { state, bootstrapPercent, bootstrapSummary } = report.status;
  assert.deepEqual([state, bootstrapPercent, bootstrapSummary], ['bootstrapping', 45, 'Asking for relay descriptors']);
});

test('an event that is older than the reply before it takes no progress back', () => {
  const { report, phases } = createReport();
  report.observe(['status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=20 TAG=onehop_create SUMMARY="Establishing"']);
  report.observe(['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="Handshaking with a relay"']);
  report.observe(['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=20 TAG=onehop_create SUMMARY="Establishing"']);
  assert.deepEqual(phases, ['20 Establishing']);
  assert.equal(report.status.bootstrapPercent, 20);
});

test('Tor is up once it has bootstrapped and has a circuit, and not when it reports that it has none', () => {
  const { report } = createReport();
  report.observe(['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"']);
  assert.equal(report.status.state, 'bootstrapping');
  report.observe(['STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED']);
  assert.equal(report.status.state, 'up');
  report.observe(['STATUS_CLIENT NOTICE CIRCUIT_NOT_ESTABLISHED REASON=CLOCK_JUMPED']);
  assert.equal(report.status.state, 'bootstrapping');
  report.observe(['status/circuit-established=1']);
  assert.equal(report.status.state, 'up');
  report.observe(['status/circuit-established=0']);
  assert.equal(report.status.state, 'bootstrapping');
});

test('circuits are counted by CircStatus until they fail or close', () => {
  const { report } = createReport();
  report.observe([CIRCUITS, 'OK']);
  assert.deepEqual(report.status.circuits, { launched: 1, guard_wait: 1, extended: 1, built: 1 });
  report.observe(['CIRC 14 EXTENDED $AAAA~relay1 PURPOSE=GENERAL']);
  report.observe(['CIRC 13 FAILED $AAAA~relay1 PURPOSE=GENERAL REASON=TIMEOUT']);
  report.observe(['CIRC 12 CLOSED $AAAA~relay1,$BBBB~relay2 PURPOSE=HS_CLIENT_REND REASON=FINISHED']);
  report.observe(['CIRC 16 LAUNCHED PURPOSE=GENERAL']);
  assert.deepEqual(report.status.circuits, { launched: 1, guard_wait: 1, extended: 1, built: 0 });
});

test('a circuit-status reply replaces all circuits, even with one circuit or none', () => {
  const { report } = createReport();
  report.observe([CIRCUITS]);
  report.observe(['circuit-status=20 BUILT $AAAA~relay1 PURPOSE=GENERAL']);
  assert.deepEqual(report.status.circuits, { launched: 0, guard_wait: 0, extended: 0, built: 1 });
  report.observe(['circuit-status=']);
  assert.deepEqual(report.status.circuits, { launched: 0, guard_wait: 0, extended: 0, built: 0 });
});

test('unknown lines are ignored', () => {
  const { report, phases } = createReport();
  report.observe(['STATUS_CLIENT NOTICE ENOUGH_DIR_INFO', 'SIGNAL RELOAD', 'OK', '', 'CIRC', 'CIRC 12 NEWSTATE']);
  assert.deepEqual(phases, []);
  assert.equal(report.status.circuits?.built, 0);
});
