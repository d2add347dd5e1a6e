import type { ShellCommand } from '../../docs/shell.ts';

type Settings = ReadonlyMap<string, readonly string[]>;

/** The section `dnsmasq` of OpenWrt's default /etc/config/dhcp. */
const DEFAULTS: Settings = new Map(
  Object.entries({
    domainneeded: '1',
    boguspriv: '1',
    localise_queries: '1',
    rebind_protection: '1',
    rebind_localhost: '1',
    local: '/lan/',
    domain: 'lan',
    expandhosts: '1',
    cachesize: '1000',
    nonwildcard: '1',
    localservice: '1',
    ednspacket_max: '1232',
  }).map(([key, value]) => [key, [value]]),
);

/** The option that OpenWrt's init script writes for each key, without its value if the key is a switch. */
const SWITCHES: Readonly<Record<string, string>> = {
  domainneeded: 'domain-needed',
  boguspriv: 'bogus-priv',
  localise_queries: 'localise-queries',
  rebind_protection: 'stop-dns-rebind',
  rebind_localhost: 'rebind-localhost-ok',
  expandhosts: 'expand-hosts',
  nonwildcard: 'bind-dynamic',
  localservice: 'local-service',
  noresolv: 'no-resolv',
};
const VALUES: Readonly<Record<string, string>> = {
  local: 'local',
  domain: 'domain',
  cachesize: 'cache-size',
  ednspacket_max: 'edns-packet-max',
  server: 'server',
};
/** Decides which servers the router's own programs ask. */
const NOT_AN_OPTION = 'localuse';

/**
 * The configuration that OpenWrt's init script writes for dnsmasq once these commands have run.
 *
 * @param commands of uci, and the last of service
 * @param resolvFile the servers of the provider
 */
export function openWrtOptions(commands: readonly ShellCommand[], resolvFile: string): readonly string[] {
  const settings = new Map(DEFAULTS);
  let isCommitted = false;
  for (const words of commands) {
    const [program, action, ...rest] = words.filter((word) => word !== '-q');
    if (program === 'service') {
      if (!isCommitted) throw new Error('dnsmasq would restart before the changes are committed');
      return optionsOf(settings, resolvFile);
    }
    if (program !== 'uci') throw new Error(`OpenWrt is configured by uci, not ${program}`);
    isCommitted = action === 'commit' && rest[0] === 'dhcp';
    if (!isCommitted) change(settings, action, rest[0] ?? '');
  }
  throw new Error('dnsmasq does not restart');
}

function change(settings: Map<string, readonly string[]>, action: string | undefined, argument: string): void {
  const { key = '', value = '' } = /^dhcp\.@dnsmasq\[0\]\.(?<key>\w+)(?:=(?<value>.*))?$/.exec(argument)?.groups ?? {};
  if (!(key in SWITCHES) && !(key in VALUES) && key !== NOT_AN_OPTION)
    throw new Error(`unknown to the tests: ${argument}`);
  if (action === 'set') settings.set(key, [value]);
  else if (action === 'add_list') settings.set(key, [...(settings.get(key) ?? []), value]);
  else if (action === 'delete') settings.delete(key);
  else throw new Error(`uci has no action ${action} that the tests know`);
}

function optionsOf(settings: Settings, resolvFile: string): readonly string[] {
  const lines = [...settings].flatMap(([key, values]) => {
    const name = SWITCHES[key];
    if (name !== undefined) return values[0] === '1' ? [name] : [];
    return values.flatMap((value) => (key in VALUES ? [`${VALUES[key]}=${value}`] : []));
  });
  return lines.includes('no-resolv') ? lines : [...lines, `resolv-file=${resolvFile}`];
}
