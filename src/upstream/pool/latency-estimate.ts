import { MS_PER_SECOND } from '../../lib/units.ts';

/**
 * Variances of measurements around a connection's typical response time, as variances of natural logarithms. That of
 * response times is half of the variance published for Cloudflare's onion service, whose median is 1563 ms and 90th
 * percentile 5535 ms. The others are assumptions: a round trip varies little, while opening also builds circuits.
 */
const RESPONSE_VARIANCE = 0.5;
const ROUND_TRIP_VARIANCE = 0.1;
const CONNECT_VARIANCE = 0.25;

/**
 * Drift of a connection's typical response time: variance of its logarithm per second. With one response per second,
 * the estimate remembers about 15 seconds; with one in ten seconds, about a minute; with fifteen per second, a few
 * seconds.
 */
const DRIFT_PER_SECOND = 0.003;

/** Time for which the duration of opening, or of a round trip, is compared with later response times. */
const RELATED_MS = 60_000;

/** Running geometric mean of a ratio, as a logarithm. Follows the last 300 values. */
class LogRatio {
  #mean: number;
  #values = 8;

  /** @param assumed initial ratio; counts as much as eight recorded values */
  constructor(assumed: number) {
    this.#mean = Math.log(assumed);
  }

  get log(): number {
    return this.#mean;
  }

  record(log: number): void {
    this.#values = Math.min(300, this.#values + 1);
    this.#mean += (log - this.#mean) / this.#values;
  }
}

/** Approximate number of answers that {@link LoadEffect} remembers. */
const LOAD_ANSWERS = 300;

/** How much slower a connection answers for each other query in flight: a linear regression of logarithms. */
class LoadEffect {
  #answers = 0;
  #meanLoad = 0;
  #meanLog = 0;
  #loadVariance = 0;
  #covariance = 0;

  /** @param log logarithm of a response time, minus that of the typical response time */
  record(load: number, log: number): void {
    this.#answers = Math.min(LOAD_ANSWERS, this.#answers + 1);
    const weight = 1 / this.#answers;
    const loadBy = load - this.#meanLoad;
    const logBy = log - this.#meanLog;
    this.#meanLoad += weight * loadBy;
    this.#meanLog += weight * logBy;
    this.#loadVariance += weight * ((1 - weight) * loadBy * loadBy - this.#loadVariance);
    this.#covariance += weight * ((1 - weight) * loadBy * logBy - this.#covariance);
  }

  /**
   * Returns the logarithm of the factor by which `load` queries in flight lengthen response times, relative to the
   * usual load. 0 unless the effect exceeds two standard errors.
   */
  logAt(load: number, spread: number): number {
    if (this.#loadVariance === 0 || load <= this.#meanLoad) return 0;
    const standardError = spread / Math.sqrt(this.#loadVariance * this.#answers);
    const slope = this.#covariance / this.#loadVariance - 2 * standardError;
    return Math.max(0, slope) * (load - this.#meanLoad);
  }
}

/** Statistics shared by all connections to one resolver. */
export class LatencyModel {
  /** Typical response time divided by the time that it took to open the connection. */
  readonly perConnect = new LogRatio(1 / 3);
  /** Typical response time divided by the round-trip time. */
  readonly perRoundTrip = new LogRatio(1.5);
  #variance = RESPONSE_VARIANCE;

  /** Standard deviation of the logarithm of response times on one connection. */
  get spread(): number {
    return Math.sqrt(this.#variance);
  }

  /** @param log logarithm of a response time, minus that of the connection's typical response time */
  recordDeviation(log: number): void {
    // Capped at three standard deviations: a single value of ten would distort the mean for a long time.
    this.#variance += (Math.min(log * log, 9 * this.#variance) - this.#variance) / 100;
  }
}

interface Measurement {
  readonly log: number;
  readonly at: number;
}

/**
 * Estimate of how long one connection takes to answer: a Kalman filter over the logarithm of its typical response time,
 * which drifts. Response times are log-normal, so one answer of ten seconds does not make a fast connection slow. The
 * first estimate comes from the time that it took to open the connection; round trips refine it between queries. All
 * times are in milliseconds.
 */
export class LatencyEstimate {
  readonly #model: LatencyModel;
  readonly #connected: Measurement;
  readonly #load = new LoadEffect();
  #roundTrip: Measurement | undefined;
  #log: number;
  #variance = CONNECT_VARIANCE;
  #at: number;
  #answers = 0;

  /**
   * @param connectMs time from the start of the attempt to the end of the TLS handshake
   * @param now current time on the monotonic clock, as in the other methods
   */
  constructor(model: LatencyModel, connectMs: number, now: number) {
    this.#model = model;
    this.#connected = { log: logOf(connectMs), at: now };
    this.#log = this.#connected.log + model.perConnect.log;
    this.#at = now;
  }

  /** Number of answers recorded. */
  get answers(): number {
    return this.#answers;
  }

  /** Expected median response time. */
  get typicalMs(): number {
    return Math.exp(this.#log);
  }

  /** Expected median response time of a query sent while `load` others are in flight. */
  typicalMsAt(load: number): number {
    return Math.exp(this.#log + this.#load.logAt(load, this.#model.spread));
  }

  /** Quantile of response times, given as standard deviations above the median. */
  quantileMs(deviations: number): number {
    return Math.exp(this.#log + deviations * this.#model.spread);
  }

  recordRoundTrip(durationMs: number, now: number): void {
    this.#roundTrip = { log: logOf(durationMs), at: now };
    this.#observe(this.#roundTrip.log + this.#model.perRoundTrip.log, ROUND_TRIP_VARIANCE, now);
  }

  /** @param load number of other queries that were in flight when the query was sent */
  recordAnswer(durationMs: number, now: number, load: number): void {
    const log = logOf(durationMs);
    this.#load.record(load, log - this.#log);
    const { perConnect, perRoundTrip } = this.#model;
    if (now - this.#connected.at < RELATED_MS) perConnect.record(log - this.#connected.log);
    if (this.#roundTrip !== undefined && now - this.#roundTrip.at < RELATED_MS) {
      perRoundTrip.record(log - this.#roundTrip.log);
    }
    this.#answers++;
    this.#model.recordDeviation(log - this.#log);
    this.#observe(log, RESPONSE_VARIANCE, now);
  }

  /** Records that a query, and all queries sent after it, got no answer in this time. */
  recordTimeout(durationMs: number, now: number): void {
    const log = logOf(durationMs);
    if (log > this.#log) this.#observe(log, RESPONSE_VARIANCE, now);
  }

  #observe(log: number, variance: number, now: number): void {
    this.#variance += ((now - this.#at) / MS_PER_SECOND) * DRIFT_PER_SECOND;
    this.#at = now;
    const gain = this.#variance / (this.#variance + variance);
    this.#log += gain * (log - this.#log);
    this.#variance *= 1 - gain;
  }
}

function logOf(durationMs: number): number {
  return Math.log(Math.max(1, durationMs));
}
