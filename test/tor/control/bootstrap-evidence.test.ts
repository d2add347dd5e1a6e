import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bridge } from '../../../src/model/bridge.ts';
import {
  BootstrapEvidence,
  type TorSurroundings,
  torSurroundings,
} from '../../../src/tor/control/bootstrap-evidence.ts';
import { ONLINE } from '../surroundings.ts';

/** Lines that tor 0.4.9.11 sent over its control port. */
const SEEN = {
  conn: 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay"',
  refused:
    'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay" WARNING="Connection refused" REASON=CONNECTREFUSED COUNT=4 RECOMMENDATION=ignore HOSTID="09DD0F811808091DACA286CB50CF85919416ABD4" HOSTADDR="192.0.2.122:442"',
  prohibited:
    'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay" WARNING="No route to host" REASON=NOROUTE COUNT=1 RECOMMENDATION=warn HOSTID="DAD8815C1AE82B1888F44720C9416B1F891B3639" HOSTADDR="192.0.2.179:443"',
  noRoute: 'ORCONN $9A561CA579F0918D4E0C7A8533801B91C56FD605 FAILED REASON=NOROUTE NCIRCS=1 ID=6',
  skew: 'STATUS_GENERAL WARN CLOCK_SKEW SKEW=-259200 SOURCE=OR:192.0.2.1:35655',
  skewWarning:
    'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="Handshaking with a relay" WARNING="Clock skew -259200 in NETINFO cell from OR" REASON=CLOCK_SKEW COUNT=1 RECOMMENDATION=warn HOSTID="A5CC0131FB4C872564A2AFBD2883C58813F3D8EA" HOSTADDR="192.0.2.1:35655"',
  handshakeDone:
    'STATUS_CLIENT WARN BOOTSTRAP PROGRESS=14 TAG=handshake SUMMARY="Handshaking with a relay" WARNING="DONE" REASON=DONE COUNT=1 RECOMMENDATION=ignore HOSTID="D8CC22FBC1D310F3EA333C2B68EA9F43F15781D6" HOSTADDR="192.0.2.1:37401"',
  expired: 'WARN Received a bad CERTS cell: At least one certificate expired.',
  transportConnected:
    'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=2 TAG=conn_done_pt SUMMARY="Connected to pluggable transport"',
  connected: 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=10 TAG=conn_done SUMMARY="Connected to a relay"',
  ended: 'WARN Managed proxy "/usr/bin/obfs4proxy" having PID 15868 terminated with status code 1',
  lookUp:
    'NOTICE Managed proxy "/usr/bin/snowflake-client": broker failure dial tcp: lookup broker.example on [scrubbed]: server misbehaving',
  loading: 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=30 TAG=loading_status SUMMARY="Loading networkstatus consensus"',
} as const;

const OFFLINE: TorSurroundings = { ...ONLINE, hasNetwork: () => false };
const bridge = (transport: string): Bridge =>
  new Bridge({ transport, host: '192.0.2.3', port: 443, fingerprint: undefined, args: [] });
const through = (...transports: string[]): TorSurroundings => torSurroundings(() => true, transports.map(bridge));

function codeAfter(surroundings: TorSurroundings, ...lines: readonly string[]): string {
  const evidence = new BootstrapEvidence();
  evidence.observe(lines);
  return evidence.explain(surroundings).code;
}

test('relays that refuse, cannot be reached or never answer are blocked', () => {
  assert.equal(codeAfter(ONLINE, SEEN.conn, SEEN.refused), 'ERR_TOR_BLOCKED');
  assert.equal(codeAfter(ONLINE, SEEN.conn, SEEN.prohibited), 'ERR_TOR_BLOCKED');
  assert.equal(codeAfter(ONLINE, SEEN.conn), 'ERR_TOR_BLOCKED');
  assert.equal(
    codeAfter(
      torSurroundings(() => true),
      SEEN.conn,
      SEEN.refused,
    ),
    'ERR_TOR_BLOCKED',
  );
});

test('a machine without an address, or without a route from the start, is offline', () => {
  assert.equal(codeAfter(OFFLINE, SEEN.conn, SEEN.refused), 'ERR_TOR_OFFLINE');
  assert.equal(codeAfter(ONLINE, SEEN.noRoute), 'ERR_TOR_OFFLINE');
  assert.equal(codeAfter({ ...through('obfs4'), hasNetwork: () => false }), 'ERR_TOR_OFFLINE');
});

test('a slow clock is known from events, a fast one from expired certificates', () => {
  assert.equal(codeAfter(ONLINE, SEEN.skew), 'ERR_TOR_CLOCK');
  assert.equal(codeAfter(ONLINE, SEEN.skewWarning), 'ERR_TOR_CLOCK');
  assert.equal(codeAfter(ONLINE, SEEN.handshakeDone), 'ERR_TOR_BLOCKED');
  assert.equal(codeAfter(ONLINE, SEEN.handshakeDone, SEEN.expired), 'ERR_TOR_CLOCK');
  assert.equal(codeAfter(through('obfs4'), SEEN.skew), 'ERR_TOR_CLOCK');
});

test('with bridges, the bridge is to blame, unless its transport does not run or looks up a name', () => {
  assert.equal(codeAfter(through('obfs4'), SEEN.transportConnected), 'ERR_TOR_BRIDGES');
  assert.equal(codeAfter(through('vanilla'), SEEN.conn, SEEN.refused), 'ERR_TOR_BRIDGES');
  assert.equal(codeAfter(through('obfs4', 'snowflake'), SEEN.transportConnected), 'ERR_TOR_BRIDGES');
  // The torrc of a Tor that dns4tor did not start.
  assert.equal(
    codeAfter(
      torSurroundings(() => true),
      SEEN.transportConnected,
    ),
    'ERR_TOR_BRIDGES',
  );
  assert.equal(codeAfter(through('obfs4'), SEEN.ended), 'ERR_TOR_TRANSPORT');
  assert.equal(codeAfter(through('obfs4')), 'ERR_TOR_TRANSPORT');
  assert.equal(codeAfter(through('snowflake'), SEEN.connected), 'ERR_TOR_TRANSPORT_NAME');
  assert.equal(codeAfter(through('obfs4', 'snowflake'), SEEN.connected, SEEN.lookUp), 'ERR_TOR_TRANSPORT_NAME');
});

test('a program that ends is named', () => {
  const evidence = new BootstrapEvidence();
  evidence.observe([SEEN.ended]);
  assert.match(evidence.explain(through('obfs4')).detail ?? '', /\/usr\/bin\/obfs4proxy/);
});

test('beyond the entry into the network, no cause is known', () => {
  assert.equal(codeAfter(through('obfs4'), SEEN.loading), 'ERR_TOR_STUCK');
  assert.equal(codeAfter(ONLINE, SEEN.loading), 'ERR_TOR_STUCK');
});

test('progress makes earlier evidence obsolete, and a repeated phase does not', () => {
  const evidence = new BootstrapEvidence();
  assert.equal(evidence.observe([SEEN.conn]), true);
  assert.equal(evidence.observe([SEEN.skew]), false);
  assert.equal(evidence.observe([SEEN.conn]), false);
  assert.equal(evidence.isClockWrong, true);
  assert.equal(evidence.observe([SEEN.loading]), true);
  assert.equal(evidence.isClockWrong, false);
  assert.equal(evidence.observe([SEEN.conn]), false);
  assert.equal(evidence.observe([SEEN.loading]), false);
});

test("the detail has the phase and Tor's warning, and nothing that identifies a bridge", () => {
  const evidence = new BootstrapEvidence();
  evidence.observe([SEEN.conn, SEEN.noRoute, SEEN.skew, SEEN.expired, SEEN.ended, SEEN.lookUp, SEEN.refused]);
  const { detail = '' } = evidence.explain(through('obfs4'));
  assert.match(detail, /5 %.*Connecting to a relay.*Connection refused, CONNECTREFUSED.*3 d 0 h behind/);
  assert.doesNotMatch(detail, /192\.0\.2|[0-9A-F]{40}|broker/);
});
