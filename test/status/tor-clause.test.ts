import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceState, TorSnapshot } from '../../src/status/snapshot.ts';
import { torClause } from '../../src/status/tor-clause.ts';

const OTHER_STATES = ['starting', 'stuck', 'degraded', 'failing'] as const satisfies readonly ServiceState[];

const FOLLOWED: TorSnapshot = {
  kind: 'external',
  state: 'up',
  bootstrapPercent: 100,
  bootstrapSummary: 'Done',
  trouble: null,
  circuits: { launched: 0, guard_wait: 0, extended: 0, built: 3 },
};
/** Without a control port, the state is inferred from connection attempts. */
const INFERRED: TorSnapshot = { ...FOLLOWED, bootstrapSummary: null, circuits: null };

test('a Tor that is up counts as connected without reservation only while names are resolved', () => {
  for (const tor of [FOLLOWED, INFERRED]) {
    const connected = torClause({ state: 'working', tor });
    for (const state of OTHER_STATES) assert.notEqual(torClause({ state, tor }), connected, state);
  }
});

test('it does not depend on the verdict what is said of a Tor that is not up', () => {
  for (const state of ['unknown', 'down', 'bootstrapping', 'stuck'] as const) {
    const tor = { ...FOLLOWED, state, bootstrapPercent: 5, bootstrapSummary: 'Connecting to a relay' };
    const clauses = ['working' as const, ...OTHER_STATES].map((service) => torClause({ state: service, tor }));
    assert.equal(new Set(clauses).size, 1, state);
  }
});

test('a control port reports, and without one the state is only inferred', () => {
  for (const state of OTHER_STATES) {
    assert.notEqual(torClause({ state, tor: FOLLOWED }), torClause({ state, tor: INFERRED }), state);
  }
});

test('progress is shown while Tor bootstraps or is stuck', () => {
  for (const state of ['bootstrapping', 'stuck'] as const) {
    const tor = { ...FOLLOWED, state, bootstrapPercent: 5, bootstrapSummary: 'Connecting to a relay' };
    const clause = torClause({ state: 'starting', tor });
    assert.ok(clause.includes('5 %') && clause.includes('Connecting to a relay'), clause);
    assert.ok(!torClause({ state: 'starting', tor: { ...tor, bootstrapSummary: null } }).includes('null'));
  }
});
