import { CIRCUIT_STATES, TOR_STATES } from '../../model/tor-status.ts';
import type { Totals } from '../counters.ts';
import { all, type Family, single } from './family.ts';
import type { Gauges } from '../metrics.ts';

/** Where tor stands. */
export function torFamilies(totals: Totals, gauges: Gauges): Family[] {
  return [
    {
      name: 'dns4tor_tor_state',
      type: 'gauge',
      unit: '0 or 1',
      labels: { state: TOR_STATES },
      help: 'Where tor stands: 1 for the current state, 0 for the others.',
      samples() {
        const { state } = gauges.tor();
        return TOR_STATES.map((name) => ({ labels: { state: name }, value: name === state ? 1 : 0 }));
      },
    },
    {
      name: 'dns4tor_tor_bootstrap_percent',
      type: 'gauge',
      unit: 'per cent',
      labels: {},
      help: 'How far tor has come in connecting to its network, from 0 to 100.',
      samples: () => single(gauges.tor().bootstrapPercent),
    },
    {
      name: 'dns4tor_tor_circuits',
      type: 'gauge',
      unit: 'circuits',
      labels: { state: CIRCUIT_STATES },
      help: 'All circuits of tor by state, those of other programs included; absent where its control port is not read.',
      samples() {
        const { circuits } = gauges.tor();
        return circuits === undefined
          ? []
          : CIRCUIT_STATES.map((state) => ({ labels: { state }, value: circuits[state] }));
      },
    },
    {
      name: 'dns4tor_tor_newnym_total',
      type: 'counter',
      unit: 'signals',
      labels: {},
      help: 'How often tor was told to forget which onion services it could not reach.',
      samples: () => all(totals.newnyms),
    },
  ];
}
