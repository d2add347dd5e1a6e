/** Failures on this machine: listening sockets, `install` and the command line. None reaches a DNS client. */
export const SYSTEM_FAILURES = {
  ERR_LISTEN_IN_USE: {
    label: 'listen_in_use',
    problem: 'another program uses the port',
    remedy: 'stop it (see: ss -lnptu), or choose another port with --port, --dot-port, --doh-port or --metrics',
  },
  ERR_LISTEN_DENIED: {
    label: 'listen_denied',
    problem: 'ports below 1024 need a privilege',
    remedy: 'run as root, grant cap_net_bind_service, or choose another port with --port, --dot-port or --doh-port',
  },
  ERR_LISTEN_ADDRESS: {
    label: 'listen_address',
    problem: 'this machine does not have that address',
    remedy: 'check --address, --dot-address, --doh-address and --metrics',
  },
  ERR_LISTEN_BATCH: {
    label: 'listen_batch',
    problem: 'batched UDP I/O needs Linux on x64 or arm64 and the npm package koffi',
    remedy: 'run npm install koffi, or leave out --udp-io batch',
  },
  ERR_LISTEN_FD: {
    label: 'listen_fd',
    problem: 'the sockets passed by the service manager (LISTEN_FDS) cannot be used',
    remedy: 'correct the .socket unit',
  },
  ERR_LISTEN_PATH: {
    label: 'listen_path',
    problem: 'the unix socket for metrics cannot be created',
    remedy: 'remove what is at that path, or choose another path with --metrics',
  },
  ERR_CERTIFICATE_EXPIRED: {
    label: 'certificate_expired',
    problem: 'the certificate for DNS over TLS and HTTPS has expired or is not valid yet, so clients refuse it',
    remedy: 'run dns4tor certificate again, or renew it at the CA that issued it; check the clock of this machine',
  },
  ERR_LISTEN_DOH_PLAIN: {
    label: 'listen_doh_plain',
    problem: 'the unix socket for DNS over HTTPS cannot be created',
    remedy: 'remove what is at that path, or choose another path with --doh-plain',
  },
  ERR_ROUTE_LOOP: {
    label: 'route_loop',
    problem: 'a route leads back to dns4tor itself',
    remedy: 'name the server that knows these names in --route',
  },
  ERR_LIST_FILE: {
    label: 'list_file',
    problem: 'the list cannot be read, or changed while it was read',
    remedy: 'check --blocklist and --allowlist; replace a list by renaming a new file over it',
  },
  ERR_CONTROL_SOCKET: {
    label: 'control_socket',
    problem: 'the unix socket for commands cannot be created',
    remedy: 'remove what is at that path, or choose another path with --control-socket',
  },
  ERR_CONTROL_UNANSWERED: {
    label: 'control_unanswered',
    problem: 'no dns4tor takes commands there',
    remedy: 'start it (dns4tor proxy-dns), or name its socket with --control-socket',
  },
  ERR_CONTROL_DENIED: {
    label: 'control_denied',
    problem: 'only root and the user who runs dns4tor may send it commands',
    remedy: 'run it again with sudo',
  },
  ERR_LISTEN: {
    label: 'listen',
    problem: 'the socket could not be opened',
  },
  ERR_SYSTEM_ROOT: {
    label: 'system_root',
    problem: 'only root may change how this machine resolves names',
    remedy: 'run it again with sudo',
  },
  ERR_SYSTEM_FILE: {
    label: 'system_file',
    problem: 'the file cannot be read or changed',
    remedy: 'check whether it is immutable (lsattr) or on a read-only file system (findmnt -T)',
  },
  ERR_SYSTEM_COMMAND: {
    label: 'system_command',
    problem: 'the command failed',
    remedy: 'run it by hand to see why, then run dns4tor again',
  },
  ERR_SYSTEM_ELSEWHERE: {
    label: 'system_elsewhere',
    problem: 'programs of this machine no longer ask dns4tor',
    remedy: 'run sudo dns4tor install, which keeps a copy of what another program wrote',
  },
  ERR_SYSTEM_EDITED: {
    label: 'system_edited',
    problem: 'changed since dns4tor wrote it, so nothing was done',
    remedy:
      'run `dns4tor install --force` to write it again, or `dns4tor uninstall --force` to restore the original (both keep a copy of the changed version)',
  },
  ERR_SYSTEM_CHANGED: {
    label: 'system_changed',
    problem: 'the file changed while it was being updated, so everything was rolled back',
    remedy: 'run the command again',
  },
  ERR_SYSTEM_MARKED: {
    label: 'system_marked',
    problem: 'the file is from an earlier `dns4tor install` whose journal is lost, so its original content is unknown',
    remedy: 'correct the file or remove it by hand',
  },
  ERR_SYSTEM_PORT: {
    label: 'system_port',
    problem: 'resolv.conf has no place for a port',
    remedy: 'run dns4tor on port 53',
  },
  ERR_SYSTEM_UNANSWERED: {
    label: 'system_unanswered',
    problem: 'dns4tor does not work there, so nothing was changed',
    remedy:
      'start it (dns4tor proxy-dns), and wait until its log reports answers through Tor; if its resolver has only zones of yours, name one with --probe-domain',
  },
  ERR_SYSTEM_SOCKET: {
    label: 'system_socket',
    problem: 'the dns4tor service is installed but not started, so nothing was changed',
    remedy: 'start it: sudo systemctl enable --now dns4tor.service',
  },
  ERR_SYSTEM_CHECK: {
    label: 'system_check',
    problem: 'names did not resolve through dns4tor after the change, so everything was rolled back',
    remedy: 'run `dns4tor check` to see why',
  },
  ERR_SYSTEM_UNRESOLVED: {
    label: 'system_unresolved',
    problem:
      "dns4tor answers and is this machine's resolver, but names do not resolve through it, so nothing was changed",
    remedy: 'run `dns4tor check` to see why',
  },
  ERR_SYSTEM_HALFWAY: {
    label: 'system_halfway',
    problem: 'rolling back failed too',
    remedy: 'run `dns4tor uninstall` to finish it',
  },
  ERR_SYSTEM_INSTALLED: {
    label: 'system_installed',
    problem: "dns4tor is already this machine's resolver, at another address",
    remedy: 'run `dns4tor uninstall` first',
  },
  ERR_SYSTEM_NOT_INSTALLED: {
    label: 'system_not_installed',
    problem: "dns4tor is not this machine's resolver",
    remedy: 'see `dns4tor install --help`',
  },
  ERR_SYSTEM_UNCONFIRMED: {
    label: 'system_unconfirmed',
    problem: 'the change was not confirmed in time, so everything was rolled back',
    remedy: 'run the command again and confirm it in time',
  },
  ERR_SYSTEM_JOURNAL: {
    label: 'system_journal',
    problem: 'the installation journal is damaged or was written by a newer version',
    remedy: 'run the version that wrote it',
  },
  ERR_SYSTEM_BUSY: {
    label: 'system_busy',
    problem: 'another dns4tor install, uninstall or pause is running',
    remedy: 'wait until it ends',
  },
  ERR_CERTIFICATE_AUTHORITY: {
    label: 'certificate_authority',
    problem: 'the certificate authority there cannot issue certificates',
    remedy: 'put its files back, or run dns4tor certificate --new-ca and set up all devices again',
  },
  ERR_CERTIFICATE_NAMES: {
    label: 'certificate_names',
    problem: 'the certificate authority there must not issue certificates for these names',
    remedy: 'leave them out, or run dns4tor certificate --new-ca with all names and set up all devices again',
  },
  ERR_CERTIFICATE_FOREIGN: {
    label: 'certificate_foreign',
    problem: 'dns4tor certificate did not make this file, and does not replace it',
    remedy: 'choose another --directory',
  },
  ERR_CERTIFICATE_UNSAFE: {
    label: 'certificate_unsafe',
    problem: 'other users of this machine could replace files in the directory',
    remedy: 'choose a --directory in which only root and you may write',
  },
  ERR_CHECK: {
    label: 'check',
    problem: 'dns4tor may not work as configured',
    remedy: 'follow the advice below each failed check',
  },
  ERR_STATUS_UNANSWERED: {
    label: 'status_unanswered',
    problem: 'no dns4tor serves its status there',
    remedy: 'start it (dns4tor proxy-dns), or give --metrics the address that its log names',
  },
  ERR_QUERY_UNANSWERED: {
    label: 'query_unanswered',
    problem: 'no reply arrived from there',
    remedy:
      'start dns4tor (dns4tor proxy-dns), set its address with --server and --port, or query without it (--direct)',
  },
  ERR_CONFIG: {
    label: 'config',
    problem: 'the configuration is invalid',
    remedy: 'correct it and start again',
  },
} as const;
