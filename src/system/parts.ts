import type { Command } from './command.ts';
import { DHCLIENT_HOOKS, type Managers, OPENRESOLV_CONF } from './detect.ts';
import { MARK } from './mark.ts';
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
    /** Stands behind what is there already. */
    readonly append?: boolean;
  }[];
  readonly apply: readonly Notice[];
  /** Has it take note that they are as before. */
  readonly restore: readonly Command[];
}

/** resolv.conf as a file of ours, and before it whoever would write it. */
export function resolvConfParts(managers: Managers, address: string): readonly Part[] {
  return [
    ...(managers.resolvconf === 'openresolv' ? [OPENRESOLV] : []),
    // With resolvconf, DHCP clients hand it what they know and leave the file alone.
    ...(managers.dhclient && managers.resolvconf === undefined ? [DHCLIENT] : []),
    ...(managers.dhcpcd && managers.resolvconf === undefined ? [DHCPCD] : []),
    {
      name: managers.resolvconf === 'debian' ? 'resolvconf, /etc/resolv.conf' : '/etc/resolv.conf',
      files: [{ path: RESOLV_CONF, text: renderResolvConf(address) }],
      apply: [],
      // Debian's resolvconf goes on writing its own file below /run, so what the symbolic link leads to is up to date by itself.
      restore: [],
    },
  ];
}

/** Shell, like all of resolvconf.conf(5): the last assignment counts. What programs other than libc are told stays as it was. */
const OPENRESOLV: Part = {
  name: 'openresolv',
  files: [{ path: OPENRESOLV_CONF, text: `# ${MARK}\nresolv_conf=/run/resolvconf/resolv.conf.unused\n`, append: true }],
  apply: [],
  // The network may have changed since.
  restore: [['resolvconf', '-u']],
};

/** dhclient-script(8) sources it before it would write resolv.conf, which this function does. `supersede` would have it write the file anew at each lease. */
const DHCLIENT: Part = {
  name: 'dhclient',
  files: [{ path: `${DHCLIENT_HOOKS}/dns4tor`, text: `# ${MARK}\nmake_resolv_conf() { :; }\n` }],
  apply: [],
  restore: [],
};

/** dhcpcd-run-hooks(8) sources it before its other hooks. */
const DHCPCD: Part = {
  name: 'dhcpcd',
  files: [{ path: '/etc/dhcpcd.enter-hook', text: `# ${MARK}\nskip_hooks="$skip_hooks resolv.conf"\n`, append: true }],
  apply: [],
  restore: [],
};
