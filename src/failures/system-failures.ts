/** The rows of the failures table about this machine: listening sockets, `install` and the command line. */
export const LOCAL_FAILURES = {
  ERR_LISTEN_IN_USE: {
    label: 'listen_in_use',
    sentence: 'another program has the port; stop it (see: ss -lnptu) or choose another with --port or --metrics',
  },
  ERR_LISTEN_DENIED: {
    label: 'listen_denied',
    sentence:
      'ports below 1024 need a privilege; run as root, grant cap_net_bind_service, or choose another with --port',
  },
  ERR_LISTEN_ADDRESS: {
    label: 'listen_address',
    sentence: 'this machine does not have that address; check --address and --metrics',
  },
  ERR_LISTEN_BATCH: {
    label: 'listen_batch',
    sentence:
      'taking UDP datagrams in batches needs Linux on x64 or arm64 and the npm package koffi; run npm install koffi, or leave out --udp-io batch',
  },
  ERR_LISTEN_FD: {
    label: 'listen_fd',
    sentence: 'the sockets that were handed over (LISTEN_FDS) cannot be used; correct the .socket unit',
  },
  ERR_LISTEN_PATH: {
    label: 'listen_path',
    sentence:
      'the unix socket for metrics cannot be created; remove what is at that path, or choose another with --metrics',
  },
  ERR_LISTEN: {
    label: 'listen',
    sentence: 'the socket could not be opened',
  },
  ERR_SYSTEM_ROOT: {
    label: 'system_root',
    sentence: 'this concerns how the whole machine resolves names, and only root may do it; run it again with sudo',
  },
  ERR_SYSTEM_FILE: {
    label: 'system_file',
    sentence:
      'it cannot be read or changed; see whether it is made immutable (lsattr) or on a read-only file system (findmnt -T)',
  },
  ERR_SYSTEM_COMMAND: {
    label: 'system_command',
    sentence: 'the command failed; run it by hand to see why, and then this again',
  },
  ERR_SYSTEM_EDITED: {
    label: 'system_edited',
    sentence:
      'changed after dns4tor wrote it, so nothing was done; run `dns4tor install --force` to write it again, or `dns4tor uninstall --force` to restore the original: either keeps a copy of the changed version',
  },
  ERR_SYSTEM_CHANGED: {
    label: 'system_changed',
    sentence: 'somebody changed it in this very moment; that version stays, and all else is as before: do this again',
  },
  ERR_SYSTEM_MARKED: {
    label: 'system_marked',
    sentence:
      'it is of a former `dns4tor install` whose journal is lost, so what was there before is not known; put the file right or remove it by hand',
  },
  ERR_SYSTEM_PORT: {
    label: 'system_port',
    sentence: 'resolv.conf has no place for a port; have dns4tor answer on port 53',
  },
  ERR_SYSTEM_UNANSWERED: {
    label: 'system_unanswered',
    sentence:
      'nothing was changed; start dns4tor there (dns4tor proxy-dns), and wait until its log says that answers come',
  },
  ERR_SYSTEM_SOCKET: {
    label: 'system_socket',
    sentence:
      'nothing was changed; dns4tor is there as a service and not started: sudo systemctl enable --now dns4tor.service',
  },
  ERR_SYSTEM_CHECK: {
    label: 'system_check',
    sentence:
      'names were not resolved by way of dns4tor after the change, so everything is put back as it was; `dns4tor check` says more',
  },
  ERR_SYSTEM_UNRESOLVED: {
    label: 'system_unresolved',
    sentence:
      'dns4tor is set as the resolver of this machine and answers, but names are not resolved by way of it; nothing was changed, and `dns4tor check` says more',
  },
  ERR_SYSTEM_HALFWAY: {
    label: 'system_halfway',
    sentence: 'putting things back did not succeed either; run `dns4tor uninstall`, which goes on where this ended',
  },
  ERR_SYSTEM_INSTALLED: {
    label: 'system_installed',
    sentence: 'dns4tor is the resolver of this machine already, at another address; run `dns4tor uninstall` first',
  },
  ERR_SYSTEM_NOT_INSTALLED: {
    label: 'system_not_installed',
    sentence: 'dns4tor is not, or not yet, the resolver of this machine; see `dns4tor install --help`',
  },
  ERR_SYSTEM_UNCONFIRMED: {
    label: 'system_unconfirmed',
    sentence: 'nobody confirmed it in time, and everything is as it was before',
  },
  ERR_SYSTEM_JOURNAL: {
    label: 'system_journal',
    sentence: 'the journal of the installation cannot be understood; was it written by a newer version?',
  },
  ERR_SYSTEM_BUSY: {
    label: 'system_busy',
    sentence: 'another dns4tor install, uninstall or pause is at work; wait for its end',
  },
  ERR_CHECK: {
    label: 'check',
    sentence: 'what to do stands below each of them',
  },
  ERR_STATUS_UNANSWERED: {
    label: 'status_unanswered',
    sentence:
      'no dns4tor says there how it stands; start it (dns4tor proxy-dns), or give with --metrics where its log says that it serves metrics',
  },
  ERR_QUERY_UNANSWERED: {
    label: 'query_unanswered',
    sentence:
      'no reply comes from there; start dns4tor (dns4tor proxy-dns), say where it is with --server and --port, or go without it (--direct)',
  },
  ERR_CONFIG: {
    label: 'config',
    sentence: 'the configuration has problems',
  },
} as const;
