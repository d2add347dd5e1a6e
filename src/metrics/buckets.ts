/**
 * Seconds from a query's last byte to its answer. All bounds of CoreDNS (0.25 ms doubled up to 8.192 s) are among them, so
 * that what was built on cloudflared's histogram finds them again. Two are below, because an answer from the cache takes
 * tens of microseconds. From 256 ms to 16 s there is one more half way between each two, and the scale goes past every
 * deadline, because that is where answers through Tor are: the published quantiles of the onion path are 0.9 s (p25),
 * 1.6 s (p50), 5.5 s (p90) and 9.1 s (p99).
 */
export const QUERY_SECONDS = [
  0.0000625, 0.000125, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.384, 0.512,
  0.768, 1.024, 1.536, 2.048, 3.072, 4.096, 6.144, 8.192, 12.288, 16.384, 32.768,
] as const;

/** The same for one exchange with an upstream: no circuit answers within 8 ms, save on a test network. */
export const EXCHANGE_SECONDS: readonly number[] = QUERY_SECONDS.filter((bound) => bound >= 0.008);

/**
 * RFC 8467 §4.1: the block sizes that queries and responses are padded to, which hides their lengths. The metrics count
 * sizes in these blocks.
 */
export const QUERY_BLOCK_BYTES = 128;
export const RESPONSE_BLOCK_BYTES = 468;

/** CoreDNS's bounds for the sizes of messages, its 8291 included. */
export const MESSAGE_BYTES = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3] as const;

/** Datagrams that are taken together: up to one, and two full calls. */
export const BATCH_DATAGRAMS = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** Delays of the event loop: below the resolution of a timer, up to what a client takes for an outage. */
export const DELAY_SECONDS = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
] as const;
