import { CIRCUIT_STATES, TOR_SEVERITIES, TOR_STATES } from '../../model/tor-status.ts';
import type { Totals } from '../counters.ts';
import type { Gauges } from '../metrics.ts';
import { all, type Family, single } from './family.ts';

/** Families of Tor's state. */
export function torFamilies(totals: Totals, gauges: Gauges): Family[] {
  return [
    {
      name: 'dns4tor_tor_state',
      type: 'gauge',
      unit: '0 or 1',
      labels: { state: TOR_STATES },
      help: 'State of Tor: 1 for the current state, 0 for the others.',
      samples() {
        const { state } = gauges.tor();
        return TOR_STATES.map((name) => ({ labels: { state: name }, value: name === state ? 1 : 0 }));
      },
    },
    {
      name: 'dns4tor_tor_bootstrap_percent',
      type: 'gauge',
      unit: 'percent',
      labels: {},
      help: 'Bootstrap progress of Tor, from 0 to 100.',
      samples: () => single(gauges.tor().bootstrapPercent),
    },
    {
      name: 'dns4tor_tor_circuits',
      type: 'gauge',
      unit: 'circuits',
      labels: { state: CIRCUIT_STATES },
      help: 'All circuits of Tor by state, including those of other programs. Absent without a control port.',
      samples() {
        const { circuits } = gauges.tor();
        return circuits === undefined
          ? []
          : CIRCUIT_STATES.map((state) => ({ labels: { state }, value: circuits[state] }));
      },
    },
    {
      name: 'dns4tor_tor_log_lines_total',
      type: 'counter',
      unit: 'lines',
      labels: { severity: TOR_SEVERITIES },
      help: 'Lines that the tor started by dns4tor has logged. Most are not in the log of dns4tor.',
      samples: () => all(totals.torLogLines),
    },
    {
      name: 'dns4tor_tor_newnym_total',
      type: 'counter',
      unit: 'signals',
      labels: {},
      help: 'NEWNYM signals sent to Tor, which make it forget its failures to reach onion services.',
      samples: () => all(totals.newnyms),
    },
  ];
}
