import type { Command } from '../command.ts';
import { DHCLIENT_HOOKS, DHCP6C_CONF, type Managers, type WriterScript } from './detect-managers.ts';
import { MARK } from '../transaction/mark.ts';
import { RESOLV_CONF, renderResolvConf } from './resolv-conf.ts';

/** A command by which a manager takes note of its files. */
export interface Notice {
  readonly run: Command;
  /** The link that it is about: it may fail where that has gone meanwhile. */
  readonly link?: string;
}

/** What one manager takes. */
export interface Part {
  readonly name: string;
  readonly files: readonly {
    readonly path: string;
    readonly text: string;
    /** Position in the existing file: at its end, or in place of the match. @default replaces the whole file */
    readonly place?: 'end' | RegExp;
  }[];
  readonly apply: readonly Notice[];
  /** Has it take note that they are as before. */
  readonly restore: readonly Command[];
}

/**
 * Programs that write resolv.conf on their own. They are handled even where resolv.conf is a link to the stub file of
 * systemd-resolved: DHCP clients write through the link into that file.
 */
export function writerParts({ resolvconf, dhclient, dhcpcd, dhcp6c, scripts }: Managers): readonly Part[] {
  return [
    ...(resolvconf === 'openresolv' ? [OPENRESOLV] : []),
    ...(dhclient ? [DHCLIENT] : []),
    ...(dhcpcd ? [dhcpcdPart(resolvconf !== undefined)] : []),
    ...(dhcp6c ? [DHCP6C] : []),
    ...scripts.map(scriptPart),
  ];
}

/** Replaces resolv.conf with dns4tor's own file. */
export function resolvConfPart({ resolvconf }: Managers, address: string): Part {
  return {
    name: resolvconf === 'debian' ? 'resolvconf, /etc/resolv.conf' : '/etc/resolv.conf',
    files: [{ path: RESOLV_CONF, text: renderResolvConf(address) }],
    apply: [],
    // Debian's resolvconf keeps writing its own file below /run, so the target of the original link is current.
    restore: [],
  };
}

/** Shell, like all of resolvconf.conf(5): the last assignment counts. What programs other than libc are told stays as it was. */
const OPENRESOLV: Part = {
  name: 'openresolv',
  files: [
    {
      path: '/etc/resolvconf.conf',
      text: `# ${MARK}\nresolv_conf=/run/resolvconf/resolv.conf.unused\n`,
      place: 'end',
    },
  ],
  apply: [],
  // The network may have changed since.
  restore: [['resolvconf', '-u']],
};

/**
 * dhclient-script(8) sources this hook, then calls the function that would write resolv.conf. The `supersede` option
 * would rewrite the file at every lease. resolvconf's hook sorts after this one, so it still passes the lease to
 * resolvconf if that is installed.
 */
const DHCLIENT: Part = {
  name: 'dhclient',
  files: [{ path: `${DHCLIENT_HOOKS}/dns4tor`, text: `# ${MARK}\nmake_resolv_conf() { :; }\n` }],
  apply: [],
  restore: [],
};

/**
 * dhcpcd-run-hooks(8) sources this hook before its others. dhcpcd's own hook passes the lease to resolvconf if
 * `command -v` finds it, and writes resolv.conf otherwise. This hook prevents only the latter.
 */
function dhcpcdPart(hasResolvconf: boolean): Part {
  const unless = hasResolvconf ? 'command -v "${resolvconf:-resolvconf}" >/dev/null 2>&1 || ' : '';
  const text = `# ${MARK}\n${unless}skip_hooks="$skip_hooks resolv.conf"\n`;
  return {
    name: 'dhcpcd',
    files: [{ path: '/etc/dhcpcd.enter-hook', text, place: 'end' }],
    apply: [],
    restore: [],
  };
}

/**
 * dhcp6c-script sources this file, and writes resolv.conf only if one of these is set. With resolvconf installed it
 * still does so, unless resolv.conf is a link.
 */
const DHCP6C: Part = {
  name: 'dhcp6c',
  files: [{ path: DHCP6C_CONF, text: `# ${MARK}\nnew_domain_name=\nnew_domain_name_servers=\n`, place: 'end' }],
  apply: [],
  restore: [],
};

function scriptPart({ program, path, line, replacement }: WriterScript): Part {
  return {
    name: program,
    files: [{ path, text: `# ${MARK}\n${replacement}`, place: line }],
    apply: [],
    restore: [],
  };
}
