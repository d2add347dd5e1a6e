/**
 * 99th percentile of response times through Tor to an onion service, rounded up from the published 9.1 s (see the
 * timeout in config/options.ts).
 */
export const P99_RESPONSE_MS = 10_000;
