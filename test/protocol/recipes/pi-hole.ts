import type { ShellCommand } from '../../docs/shell.ts';

/** The lines that Pi-hole's FTL writes in any case (dnsmasq_config.c), without those about its files and logs. */
const FIXED = [
  'no-resolv',
  'localise-queries',
  'port=53',
  'cache-size=10000',
  'use-stale-cache=3600',
  'cache-rr=ANY',
  ...['test', 'localhost', 'invalid', 'bind', 'onion'].map((name) => `server=/${name}/`),
  // FTL's default is to answer devices one hop away.
  'local-service',
];

/**
 * The configuration that FTL writes for its dnsmasq.
 *
 * @param commands `pihole-FTL --config KEY VALUE`
 * @param anchor instead of that of the real root
 */
export function piHoleOptions(commands: readonly ShellCommand[], anchor: string): readonly string[] {
  const lines = commands.flatMap(([program, flag, key = '', value = '']) => {
    if (program !== 'pihole-FTL' || flag !== '--config') throw new Error(`this is not a setting: ${program} ${flag}`);
    const write = SETTINGS[key];
    if (write === undefined) throw new Error(`FTL has no setting ${key} that the tests know`);
    return write(JSON.parse(value), anchor);
  });
  return [...FIXED, ...lines];
}

type Write = (value: unknown, anchor: string) => readonly string[];

const SETTINGS: Readonly<Record<string, Write>> = {
  'dns.upstreams': (servers) => listOf(servers).map((server) => `server=${server}`),
  'dns.dnssec': (value, anchor) => (value === true ? ['dnssec', anchor] : []),
  'dns.domainNeeded': (value) => (value === true ? ['domain-needed', 'local=/lan/', 'domain=lan'] : ['domain=lan']),
  'dns.bogusPriv': (value) => (value === true ? ['bogus-priv'] : []),
  'misc.dnsmasq_lines': (lines) => listOf(lines),
};

function listOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Error('this setting is a list');
  return value.map(String);
}
