/**
 * The TCP port on which metrics and the status page are served unless another one is configured or it is taken. The
 * systemd units open it too, so `dns4tor status` and `check` look there first.
 */
export const USUAL_METRICS_PORT = 9053;

/** Ports of encrypted DNS: DNS over TLS (RFC 7858 §3.1), and DNS over HTTPS, which has that of HTTPS. */
export const ENCRYPTED_PORT = { dot: 853, doh: 443 } as const;
