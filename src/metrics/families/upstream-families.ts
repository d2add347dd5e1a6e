import { MS_PER_SECOND } from '../../lib/units.ts';
import { BREAKER_STATES, CONNECTION_STATES, type ConnectionStatus } from '../../model/upstream-status.ts';
import type { Counters } from '../counters.ts';
import { type Gauges, HEDGE_EVENTS, RECONNECT_CAUSES } from '../metrics.ts';
import { active, all, distribution, type Family, type Sample } from './family.ts';

const UPSTREAM = { upstream: "the resolver's host:port" };
const SLOT = { ...UPSTREAM, slot: 'from 0 to one less than --circuits' };
const OUTCOME = { outcome: 'ok, or see the table of reasons' };

/**
 * Families of the upstreams and their circuits. Circuits are replaced from time to time, so they are labelled by slot.
 */
export function upstreamFamilies({ totals, upstreams, upstreamIndexes, slots }: Counters, gauges: Gauges): Family[] {
  /** Selects the values of one label from values in the configured order of upstreams. */
  const ofUpstream = <T>(values: readonly T[], index: number): T[] =>
    values.filter((_, configured) => upstreamIndexes[configured] === index);
  const byUpstream = (values: readonly number[]): Sample[] =>
    upstreams.map((upstream, index) => ({
      labels: { upstream },
      value: ofUpstream(values, index).reduce((total, value) => total + value, 0),
    }));
  const bySlot = (
    sample: (circuits: readonly ConnectionStatus[], upstream: number, slot: number) => Sample[],
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
      help: 'Exchanges with an upstream, by circuit and outcome: ok, or the reason of the failure.',
      samples: () => active(totals.exchanges),
    },
    {
      name: 'dns4tor_upstream_request_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      labels: SLOT,
      help: 'Duration of successful exchanges with an upstream, by circuit.',
      samples: () => bySlot((_, upstream, slot) => distribution(totals.exchangeSeconds[upstream]![slot]!, {})),
    },
    {
      name: 'dns4tor_upstream_estimate_seconds',
      type: 'gauge',
      unit: 'seconds',
      labels: SLOT,
      help: 'Estimated response time of a circuit. Absent before its first answer. With circuits per client, the mean of all clients.',
      samples: () => bySlot((circuits) => estimate(circuits)),
    },
    {
      name: 'dns4tor_upstream_circuits',
      type: 'gauge',
      unit: 'circuits',
      labels: { ...SLOT, state: CONNECTION_STATES },
      help: 'Circuits in use, by state of their connection. With circuits per client, a slot has one for each client.',
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
      help: 'Queries in flight on a circuit.',
      samples: () =>
        bySlot((circuits) => [{ labels: {}, value: circuits.reduce((total, { inFlight }) => total + inFlight, 0) }]),
    },
    {
      name: 'dns4tor_upstream_hedges_total',
      type: 'counter',
      unit: 'exchanges',
      labels: { ...SLOT, event: HEDGE_EVENTS },
      help: 'Hedged requests, by circuit: sent because another request took long, and won if their answer came first.',
      samples: () => all(totals.hedges),
    },
    {
      name: 'dns4tor_upstream_connects_total',
      type: 'counter',
      unit: 'attempts',
      labels: { ...UPSTREAM, ...OUTCOME },
      help: 'Attempts to connect to an upstream, by outcome: ok, or the reason of the failure.',
      samples: () => active(totals.connects),
    },
    {
      name: 'dns4tor_upstream_reconnects_total',
      type: 'counter',
      unit: 'connections',
      labels: { ...SLOT, cause: RECONNECT_CAUSES },
      help: 'Connections that were replaced, by cause: end of the circuit lifetime (lifetime), slower than the others (slow), failing queries (failing), the machine slept or changed networks (network), closed by the other end or Tor (ended), or silent (stalled).',
      samples: () => all(totals.reconnects),
    },
    {
      name: 'dns4tor_upstream_connections',
      type: 'gauge',
      unit: 'connections',
      labels: UPSTREAM,
      help: 'Open connections to an upstream, including replaced ones that still finish queries in flight.',
      samples: () => byUpstream(gauges.connections()),
    },
    {
      name: 'dns4tor_upstream_queue_depth',
      type: 'gauge',
      unit: 'queries',
      labels: UPSTREAM,
      help: 'Queries on a connection to an upstream, or waiting for one.',
      samples: () => byUpstream(gauges.queueDepth()),
    },
    {
      name: 'dns4tor_upstream_alternatives',
      type: 'gauge',
      unit: 'onion services',
      labels: UPSTREAM,
      help: 'Usable onion services that an upstream offers as alternatives (Alt-Svc).',
      samples: () => byUpstream(gauges.alternatives()),
    },
    {
      name: 'dns4tor_upstream_breaker_state',
      type: 'gauge',
      unit: 'breakers',
      labels: { ...UPSTREAM, state: BREAKER_STATES },
      help: 'Circuit breakers by state: closed (queries may wait for a connection), open (queries fail at once in an outage) or half_open (a probe is in progress).',
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

function estimate(circuits: readonly ConnectionStatus[]): Sample[] {
  const known = circuits.flatMap(({ typicalMs = [] }) => typicalMs);
  const totalMs = known.reduce((total, ms) => total + ms, 0);
  return known.length === 0 ? [] : [{ labels: {}, value: totalMs / known.length / MS_PER_SECOND }];
}
