import { basename } from 'node:path';
import type { Command } from '../command.ts';
import { MARK } from '../transaction/mark.ts';
import { DHCLIENT_HOOKS, DHCP6C_CONF, type Managers, type WriterScript } from './detect-managers.ts';
import { RESOLV_CONF, renderResolvConf } from './resolv-conf.ts';

/** A command that makes a manager read its files again. */
export interface ReloadCommand {
  readonly run: Command;
  /** The network interface that the command is about. A failure is ignored if the interface no longer exists. */
  readonly link?: string;
}

/** What has to be done for one manager of name resolution. */
export interface ManagerConfig {
  /** Display name. */
  readonly name: string;
  readonly files: readonly {
    readonly path: string;
    readonly text: string;
    /** Position in the existing file: at its end, or in place of the match. @default replaces the whole file */
    readonly place?: 'end' | RegExp;
  }[];
  /** Run after the files are written. */
  readonly apply: readonly ReloadCommand[];
  /** Run after the files are restored. */
  readonly restore: readonly Command[];
}

/**
 * Whether all of a file is dns4tor's while it is installed: resolv.conf, and files with its name. Of the other files
 * that `install` changes, only some lines are dns4tor's.
 */
export function isOwnFile(path: string): boolean {
  return path === RESOLV_CONF || basename(path).includes('dns4tor');
}

/**
 * Programs that write resolv.conf on their own. They are handled even where resolv.conf is a link to the stub file of
 * systemd-resolved: DHCP clients write through the link into that file.
 */
export function writerConfigs({ resolvconf, dhclient, dhcpcd, dhcp6c, scripts }: Managers): readonly ManagerConfig[] {
  return [
    ...(resolvconf === 'openresolv' ? [OPENRESOLV] : []),
    ...(dhclient ? [DHCLIENT] : []),
    ...(dhcpcd ? [dhcpcdConfig(resolvconf !== undefined)] : []),
    ...(dhcp6c ? [DHCP6C] : []),
    ...scripts.map(scriptConfig),
  ];
}

/** Replaces resolv.conf with dns4tor's own file. */
export function resolvConfConfig({ resolvconf }: Managers, address: string): ManagerConfig {
  return {
    name: resolvconf === 'debian' ? 'resolvconf, /etc/resolv.conf' : '/etc/resolv.conf',
    files: [{ path: RESOLV_CONF, text: renderResolvConf(address) }],
    apply: [],
    // Debian's resolvconf keeps writing its own file below /run, so the target of the original link stays current.
    restore: [],
  };
}

/**
 * resolvconf.conf(5) is a shell script, so the last assignment counts. Programs other than libc still get the network's
 * servers.
 */
const OPENRESOLV: ManagerConfig = {
  name: 'openresolv',
  files: [
    {
      path: '/etc/resolvconf.conf',
      text: `# ${MARK}\nresolv_conf=/run/resolvconf/resolv.conf.unused\n`,
      place: 'end',
    },
  ],
  apply: [],
  // The network may have changed since the installation.
  restore: [['resolvconf', '-u']],
};

/**
 * dhclient-script(8) sources this hook, then calls the function that would write resolv.conf. The `supersede` option
 * would rewrite the file at every lease. resolvconf's hook sorts after this one, so it still passes the lease to
 * resolvconf if that is installed.
 */
const DHCLIENT: ManagerConfig = {
  name: 'dhclient',
  files: [{ path: `${DHCLIENT_HOOKS}/dns4tor`, text: `# ${MARK}\nmake_resolv_conf() { :; }\n` }],
  apply: [],
  restore: [],
};

/**
 * dhcpcd-run-hooks(8) sources this hook before its others. dhcpcd's own hook passes the lease to resolvconf if
 * `command -v` finds it, and writes resolv.conf otherwise. This hook prevents only the latter.
 */
function dhcpcdConfig(hasResolvconf: boolean): ManagerConfig {
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
 * dhcp6c-script sources this file, and writes resolv.conf only if one of these variables is set. It does so even if
 * resolvconf is installed, unless resolv.conf is a symbolic link.
 */
const DHCP6C: ManagerConfig = {
  name: 'dhcp6c',
  files: [{ path: DHCP6C_CONF, text: `# ${MARK}\nnew_domain_name=\nnew_domain_name_servers=\n`, place: 'end' }],
  apply: [],
  restore: [],
};

function scriptConfig({ program, path, line, replacement }: WriterScript): ManagerConfig {
  return {
    name: program,
    files: [{ path, text: `# ${MARK}\n${replacement}`, place: line }],
    apply: [],
    restore: [],
  };
}
