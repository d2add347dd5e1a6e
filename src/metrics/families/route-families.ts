import type { Gauges } from '../metrics.ts';
import type { Family, Sample } from './family.ts';

const ROUTE = { route: 'the suffix or network of --route' };

/**
 * Families of the routes to servers on the local network. Their labels come from the configuration, never from a query.
 */
export function routeFamilies(gauges: Gauges): Family[] {
  return [
    {
      name: 'dns4tor_route_requests_total',
      type: 'counter',
      unit: 'queries',
      labels: { ...ROUTE, outcome: 'ok, or see the table of reasons' },
      help: 'Queries to the servers of a route, which do not go through Tor, by outcome: ok, or the reason of the failure.',
      samples: () =>
        gauges
          .routes()
          .flatMap(({ suffix, outcomes }) =>
            [...outcomes].map(([outcome, value]): Sample => ({ labels: { route: suffix, outcome }, value })),
          ),
    },
    {
      name: 'dns4tor_route_server_failing',
      type: 'gauge',
      unit: '0 or 1',
      labels: { ...ROUTE, server: "the server's host:port" },
      help: 'Whether the latest query to a server of a route failed (1), or was answered or never sent (0).',
      samples: () =>
        gauges.routes().flatMap(({ suffix, servers }) =>
          servers.map(
            ({ address, failure }): Sample => ({
              labels: { route: suffix, server: address },
              value: failure === undefined ? 0 : 1,
            }),
          ),
        ),
    },
  ];
}
