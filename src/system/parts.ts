import type { Command } from './command.ts';
import { DHCLIENT_HOOKS, type Managers, UDHCPC_LINE, UDHCPC_SCRIPT } from './detect.ts';
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
    /** Where it stands in what is there already: behind it, or instead of what matches. @default instead of all of it */
    readonly place?: 'end' | RegExp;
  }[];
  readonly apply: readonly Notice[];
  /** Has it take note that they are as before. */
  readonly restore: readonly Command[];
}

/** Whoever would write resolv.conf by itself, or what it leads to: through a symbolic link, DHCP clients write into the stub file of resolved. */
export function writerParts({ resolvconf, dhclient, dhcpcd, udhcpc }: Managers): readonly Part[] {
  return [
    ...(resolvconf === 'openresolv' ? [OPENRESOLV] : []),
    ...(dhclient ? [DHCLIENT] : []),
    ...(dhcpcd ? [dhcpcdPart(resolvconf !== undefined)] : []),
    ...(udhcpc ? [UDHCPC] : []),
  ];
}

/** resolv.conf as a file of ours. */
export function resolvConfPart({ resolvconf }: Managers, address: string): Part {
  return {
    name: resolvconf === 'debian' ? 'resolvconf, /etc/resolv.conf' : '/etc/resolv.conf',
    files: [{ path: RESOLV_CONF, text: renderResolvConf(address) }],
    apply: [],
    // Debian's resolvconf goes on writing its own file below /run, so what the symbolic link leads to is up to date by itself.
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
 * dhclient-script(8) sources it before it would write resolv.conf, which this function does. `supersede` would have it write the file anew at each
 * lease. The hook of resolvconf, where there is one, comes after it by name, and hands the lease to that instead.
 */
const DHCLIENT: Part = {
  name: 'dhclient',
  files: [{ path: `${DHCLIENT_HOOKS}/dns4tor`, text: `# ${MARK}\nmake_resolv_conf() { :; }\n` }],
  apply: [],
  restore: [],
};

/**
 * dhcpcd-run-hooks(8) sources it before its other hooks. That for resolv.conf hands the lease to resolvconf where it finds that program, by the
 * same look, and writes the file where it does not.
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

/** It has no hooks: the script itself says which file it writes where there is no resolvconf. */
const UDHCPC: Part = {
  name: 'udhcpc',
  files: [{ path: UDHCPC_SCRIPT, text: `# ${MARK}\nRESOLV_CONF=/dev/null`, place: UDHCPC_LINE }],
  apply: [],
  restore: [],
};
