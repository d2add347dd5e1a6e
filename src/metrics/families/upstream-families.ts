import { MS_PER_SECOND } from '../../lib/units.ts';
import { BREAKER_STATES, CONNECTION_STATES, type CircuitStatus } from '../../model/upstream-status.ts';
import type { Counters } from '../counters.ts';
import { active, all, distribution, type Family, type Sample } from './family.ts';
import { type Gauges, HEDGE_EVENTS, RECONNECT_CAUSES } from '../metrics.ts';

const UPSTREAM = { upstream: "the resolver's host:port" };
const SLOT = { ...UPSTREAM, slot: 'from 0 to one less than --circuits' };
const OUTCOME = { outcome: 'ok, or see the table of reasons' };

/** How each upstream does, and each of the circuits to it by slot: those are replaced from time to time, and nothing tells one from the next. */
export function upstreamFamilies({ totals, upstreams, upstreamIndexes, slots }: Counters, gauges: Gauges): Family[] {
  /** Those of one upstream, of whatever is there for each in the configured order. */
  const ofUpstream = <T>(values: readonly T[], index: number): T[] =>
    values.filter((_, configured) => upstreamIndexes[configured] === index);
  const byUpstream = (values: readonly number[]): Sample[] =>
    upstreams.map((upstream, index) => ({
      labels: { upstream },
      value: ofUpstream(values, index).reduce((total, value) => total + value, 0),
    }));
  const bySlot = (
    sample: (circuits: readonly CircuitStatus[], upstream: number, slot: number) => Sample[],
  ): Sample[] => {
    const circuits = gauges.circuits();
    return upstreams.flatMap((upstream, index) => {
      const own = ofUpstream(circuits, index).flat();
      return slots.flatMap((label, slot) =>
        sample(
          own.filter((circuit) => circuit.slot === slot),
          index,
          slot,
        ).map(({ labels, ...rest }) => ({
          ...rest,
          labels: { upstream, slot: label, ...labels },
        })),
      );
    });
  };
  return [
    {
      name: 'dns4tor_upstream_requests_total',
      type: 'counter',
      unit: 'exchanges',
      labels: { ...SLOT, ...OUTCOME },
      help: 'Exchanges with an upstream by circuit and outcome: ok, or how they failed.',
      samples: () => active(totals.exchanges),
    },
    {
      name: 'dns4tor_upstream_request_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      labels: SLOT,
      help: 'Time of the exchanges with an upstream that succeeded, by circuit.',
      samples: () => bySlot((_, upstream, slot) => distribution(totals.exchangeSeconds[upstream]![slot]!, {})),
    },
    {
      name: 'dns4tor_upstream_estimate_seconds',
      type: 'gauge',
      unit: 'seconds',
      labels: SLOT,
      help: 'How long the next answer over a circuit is expected to take; absent before the first. The mean of all clients where each has circuits of its own.',
      samples: () => bySlot((circuits) => estimate(circuits)),
    },
    {
      name: 'dns4tor_upstream_circuits',
      type: 'gauge',
      unit: 'circuits',
      labels: { ...SLOT, state: CONNECTION_STATES },
      help: 'Circuits in use by the state of their connection: one in each slot, or one for each client that has its own.',
      samples: () =>
        bySlot((circuits) =>
          CONNECTION_STATES.map((state) => ({
            labels: { state },
            value: circuits.filter((circuit) => circuit.state === state).length,
          })),
        ),
    },
    {
      name: 'dns4tor_upstream_in_flight',
      type: 'gauge',
      unit: 'queries',
      labels: SLOT,
      help: 'Queries that wait for their answer on a circuit.',
      samples: () =>
        bySlot((circuits) => [{ labels: {}, value: circuits.reduce((total, { inFlight }) => total + inFlight, 0) }]),
    },
    {
      name: 'dns4tor_upstream_hedges_total',
      type: 'counter',
      unit: 'exchanges',
      labels: { ...SLOT, event: HEDGE_EVENTS },
      help: 'Second tries by the circuit that they went to: sent, because another took long, and of those won, because their answer came first.',
      samples: () => all(totals.hedges),
    },
    {
      name: 'dns4tor_upstream_connects_total',
      type: 'counter',
      unit: 'attempts',
      labels: { ...UPSTREAM, ...OUTCOME },
      help: 'Attempts to connect to an upstream by outcome: ok, or how they failed.',
      samples: () => active(totals.connects),
    },
    {
      name: 'dns4tor_upstream_reconnects_total',
      type: 'counter',
      unit: 'connections',
      labels: { ...SLOT, cause: RECONNECT_CAUSES },
      help: 'Connections that gave way to new ones by cause: the time of their circuit was over (lifetime), it was slower than the others (slow), the machine has slept or moved (network), the other end or Tor has ended them (ended), they fell silent (stalled).',
      samples: () => all(totals.reconnects),
    },
    {
      name: 'dns4tor_upstream_connections',
      type: 'gauge',
      unit: 'connections',
      labels: UPSTREAM,
      help: 'Open connections to an upstream, those included that are being replaced and only finish what is in flight.',
      samples: () => byUpstream(gauges.connections()),
    },
    {
      name: 'dns4tor_upstream_queue_depth',
      type: 'gauge',
      unit: 'queries',
      labels: UPSTREAM,
      help: 'Queries that wait for or are on a connection to an upstream.',
      samples: () => byUpstream(gauges.queueDepth()),
    },
    {
      name: 'dns4tor_upstream_alternatives',
      type: 'gauge',
      unit: 'onions',
      labels: UPSTREAM,
      help: 'Onions that an upstream by name offers in its place (Alt-Svc) and that may be used now.',
      samples: () => byUpstream(gauges.alternatives()),
    },
    {
      name: 'dns4tor_upstream_breaker_state',
      type: 'gauge',
      unit: 'sets of circuits',
      labels: { ...UPSTREAM, state: BREAKER_STATES },
      help: 'Sets of circuits by state: closed where queries may wait for a connection, open where they are refused at once in an outage, half_open while that is probed.',
      samples() {
        const current = gauges.breakers();
        return BREAKER_STATES.flatMap((state) =>
          byUpstream(current.map((states) => states.filter((own) => own === state).length)).map(
            ({ labels, value }) => ({ labels: { ...labels, state }, value }),
          ),
        );
      },
    },
  ];
}

function estimate(circuits: readonly CircuitStatus[]): Sample[] {
  const known = circuits.flatMap(({ typicalMs = [] }) => typicalMs);
  const totalMs = known.reduce((total, ms) => total + ms, 0);
  return known.length === 0 ? [] : [{ labels: {}, value: totalMs / known.length / MS_PER_SECOND }];
}
