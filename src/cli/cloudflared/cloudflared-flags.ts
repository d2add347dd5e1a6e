/** A flag of cloudflared that dns4tor accepts and ignores. */
export interface IgnoredFlag {
  /** Without hyphens. In cloudflared's YAML file, the key. */
  readonly name: string;
  /** Whether the next word is its value. */
  readonly takesValue: boolean;
  /** cloudflared's environment variables for it. */
  readonly env: readonly string[];
}

/** Ignored flags with the same reason. */
export interface IgnoredGroup {
  /** Why they are ignored, for docs/cloudflared.md. */
  readonly reason: string;
  readonly flags: readonly IgnoredFlag[];
}

const withValue = (name: string, ...env: readonly string[]): IgnoredFlag => ({ name, takesValue: true, env });
const withoutValue = (name: string, ...env: readonly string[]): IgnoredFlag => ({ name, takesValue: false, env });

/**
 * Flags that `cloudflared` and `cloudflared tunnel` take and that mean nothing to a DNS proxy, or nothing here. From
 * cloudflared 2023.7.0 and 2026.1.2, the last release line with `proxy-dns`.
 */
export const IGNORED_GROUPS: readonly IgnoredGroup[] = [
  {
    reason: 'dns4tor never updates itself',
    flags: [
      withoutValue('no-autoupdate', 'NO_AUTOUPDATE'),
      withValue('autoupdate-freq'),
      withoutValue('is-autoupdated'),
    ],
  },
  {
    reason: 'the service manager knows the process; on SIGTERM, queries in flight are answered for at most 5 s',
    flags: [
      withValue('pidfile', 'TUNNEL_PIDFILE'),
      withValue('grace-period', 'TUNNEL_GRACE_PERIOD'),
      withoutValue('stdin-control', 'STDIN_CONTROL'),
      withoutValue('ui'),
    ],
  },
  {
    reason: 'there is one log: stderr or --logfile, without names that were looked up',
    flags: [
      withValue('log-directory', 'TUNNEL_LOGDIRECTORY'),
      withValue('transport-loglevel', 'TUNNEL_TRANSPORT_LOGLEVEL'),
      withValue('proto-loglevel', 'TUNNEL_PROTO_LOGLEVEL'),
      withValue('trace-output', 'TUNNEL_TRACE_OUTPUT'),
      withValue('metrics-update-freq', 'TUNNEL_METRICS_UPDATE_FREQ'),
    ],
  },
  {
    reason: "the connection of a tunnel to Cloudflare's network; dns4tor has none",
    flags: [
      withValue('edge', 'TUNNEL_EDGE'),
      withValue('edge-ip-version', 'TUNNEL_EDGE_IP_VERSION'),
      withValue('edge-bind-address', 'TUNNEL_EDGE_BIND_ADDRESS'),
      withValue('region', 'TUNNEL_REGION'),
      withValue('cacert', 'TUNNEL_CACERT'),
      withValue('protocol', 'TUNNEL_TRANSPORT_PROTOCOL'),
      withoutValue('post-quantum', 'TUNNEL_POST_QUANTUM'),
      withoutValue('pq'),
      withValue('retries', 'TUNNEL_RETRIES'),
      withValue('max-edge-addr-retries'),
      withValue('ha-connections'),
      withValue('heartbeat-interval'),
      withValue('heartbeat-count'),
      withValue('dial-edge-timeout', 'DIAL_EDGE_TIMEOUT'),
      withValue('rpc-timeout'),
      withValue('write-stream-timeout', 'TUNNEL_STREAM_WRITE_TIMEOUT'),
      withValue('udp-unregister-session-timeout'),
      withValue('compression-quality', 'TUNNEL_COMPRESSION_LEVEL'),
      withoutValue('use-reconnect-token', 'TUNNEL_USE_RECONNECT_TOKEN'),
      withoutValue('quic-disable-pmtu-discovery', 'TUNNEL_DISABLE_QUIC_PMTU'),
      withValue('quic-connection-level-flow-control-limit', 'TUNNEL_QUIC_CONN_LEVEL_FLOW_CONTROL_LIMIT'),
      withValue('quic-stream-level-flow-control-limit', 'TUNNEL_QUIC_STREAM_LEVEL_FLOW_CONTROL_LIMIT'),
    ],
  },
  {
    reason: 'the account and the identity of a tunnel; dns4tor has no account',
    flags: [
      withValue('origincert', 'TUNNEL_ORIGIN_CERT'),
      withValue('credentials-file', 'TUNNEL_CRED_FILE'),
      withValue('cred-file'),
      withValue('id', 'TUNNEL_ID'),
      withValue('tag', 'TUNNEL_TAG'),
      withValue('label'),
      withValue('lb-pool', 'TUNNEL_LB_POOL'),
      withValue('api-key', 'TUNNEL_API_KEY'),
      withValue('api-email', 'TUNNEL_API_EMAIL'),
      withValue('api-ca-key', 'TUNNEL_API_CA_KEY'),
      withValue('api-url', 'TUNNEL_API_URL'),
      withValue('quick-service'),
      withValue('max-fetch-size', 'TUNNEL_MAX_FETCH_SIZE'),
      withoutValue('overwrite-dns', 'TUNNEL_FORCE_PROVISIONING_DNS'),
      withoutValue('management-diagnostics', 'TUNNEL_MANAGEMENT_DIAGNOSTICS'),
      withValue('management-hostname', 'TUNNEL_MANAGEMENT_HOSTNAME'),
      withValue('service-op-ip', 'TUNNEL_SERVICE_OP_IP'),
    ],
  },
  {
    reason: 'the web server behind a tunnel; dns4tor answers only DNS queries',
    flags: [
      withValue('unix-socket', 'TUNNEL_UNIX_SOCKET'),
      withValue('http-host-header', 'TUNNEL_HTTP_HOST_HEADER'),
      withValue('origin-server-name', 'TUNNEL_ORIGIN_SERVER_NAME'),
      withValue('origin-ca-pool', 'TUNNEL_ORIGIN_CA_POOL'),
      withoutValue('no-tls-verify', 'NO_TLS_VERIFY'),
      withoutValue('no-chunked-encoding', 'TUNNEL_NO_CHUNKED_ENCODING'),
      withoutValue('http2-origin', 'TUNNEL_ORIGIN_ENABLE_HTTP2'),
      withoutValue('socks5', 'TUNNEL_SOCKS'),
      withoutValue('bastion', 'TUNNEL_BASTION'),
      withValue('proxy-address', 'TUNNEL_PROXY_ADDRESS'),
      withValue('proxy-port', 'TUNNEL_PROXY_PORT'),
      withValue('proxy-connect-timeout'),
      withValue('proxy-tls-timeout'),
      withValue('proxy-tcp-keepalive'),
      withoutValue('proxy-no-happy-eyeballs'),
      withValue('proxy-keepalive-connections'),
      withValue('proxy-keepalive-timeout'),
      withValue('proxy-connection-timeout'),
      withValue('proxy-expect-continue-timeout'),
    ],
  },
  {
    reason: 'the SSH server of a tunnel',
    flags: [
      withoutValue('ssh-server', 'TUNNEL_SSH_SERVER'),
      withValue('local-ssh-port', 'LOCAL_SSH_PORT'),
      withValue('ssh-idle-timeout', 'SSH_IDLE_TIMEOUT'),
      withValue('ssh-max-timeout', 'SSH_MAX_TIMEOUT'),
      withValue('bucket-name', 'BUCKET_ID'),
      withValue('region-name', 'REGION_ID'),
      withValue('secret-id', 'SECRET_ID'),
      withValue('access-key-id', 'ACCESS_CLIENT_ID'),
      withValue('session-token', 'SESSION_TOKEN_ID'),
      withValue('s3-url-host', 'S3_URL'),
      withValue('host-key-path', 'HOST_KEY_PATH'),
    ],
  },
];

/**
 * Flags of cloudflared that start a tunnel. To ignore them would leave a web server unreachable without a word. Without
 * `--name`, which is an option of dns4tor.
 */
export const TUNNEL_FLAGS: readonly IgnoredFlag[] = [
  withValue('hostname', 'TUNNEL_HOSTNAME'),
  withValue('url', 'TUNNEL_URL'),
  withoutValue('hello-world', 'TUNNEL_HELLO_WORLD'),
  withValue('token', 'TUNNEL_TOKEN'),
];
