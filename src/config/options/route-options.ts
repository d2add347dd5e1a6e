/** The options of routes to servers on the local network. Part of `OPTIONS`, which checks their type. */
export const ROUTE_OPTIONS = {
  route: {
    kind: 'route',
    group: 'Upstream',
    placeholder: 'suffix=ip',
    doc: "server on the local network for the names below a suffix, as in lan=192.168.1.1 or lan=192.168.1.1:5353, or for a network's reverse names, as in 192.168.1.0/24=192.168.1.1; these queries do not go through Tor; several servers of a suffix are tried in order",
    unset: 'none; every query goes through Tor',
    list: { separator: ',', maxItems: 64 },
    table: {
      name: 'routes',
      examples: ['lan = "192.168.1.1"', '"192.168.1.0/24" = ["192.168.1.1", "192.168.1.2:5353"]'],
    },
  },
  'allow-public-routes': {
    kind: 'boolean',
    group: 'Upstream',
    placeholder: 'boolean',
    doc: 'allow routes to servers with public addresses, although every network on the way can read and change these queries and answers',
    default: 'false',
  },
} as const;
