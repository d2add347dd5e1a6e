/**
 * Bounds for the time from a query's last byte to its answer. They include all bounds of CoreDNS (0.25 ms doubled up to
 * 8.192 s), so that queries written for cloudflared's histogram keep working. Two lower bounds are for cached answers,
 * which take tens of microseconds. Between 256 ms and 16 s there are twice as many bounds, and the scale exceeds every
 * deadline, because answers through Tor are there: the published quantiles of the onion path are 0.9 s (p25), 1.6 s
 * (p50), 5.5 s (p90) and 9.1 s (p99).
 */
export const QUERY_SECONDS = [
  0.0000625, 0.000125, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.384, 0.512,
  0.768, 1.024, 1.536, 2.048, 3.072, 4.096, 6.144, 8.192, 12.288, 16.384, 32.768,
] as const;

/** Bounds for one exchange with an upstream. Only on a test network does a circuit answer within 8 ms. */
export const EXCHANGE_SECONDS: readonly number[] = QUERY_SECONDS.filter((bound) => bound >= 0.008);

/**
 * RFC 8467 §4.1: the block sizes to which queries and responses are padded to hide their lengths. The metrics round
 * sizes up to these blocks.
 */
export const QUERY_BLOCK_BYTES = 128;
/** As {@link QUERY_BLOCK_BYTES}, for responses (RFC 8467 §4.1). */
export const RESPONSE_BLOCK_BYTES = 468;

/** CoreDNS's bounds for message sizes, including its 8291. */
export const MESSAGE_BYTES = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3] as const;

/** Bounds for the datagrams in a batch: from a single one to two full system calls. */
export const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** Bounds for delays of the event loop: from the resolution of a timer to what clients take for an outage. */
export const DELAY_SECONDS = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
] as const;
