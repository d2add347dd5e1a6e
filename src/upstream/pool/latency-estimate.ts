/**
 * Variances of the natural logarithm of what is measured, around a circuit's typical response time. Response times:
 * half of the variance published for Cloudflare's onion, whose median is 1563 ms and 90th percentile 5535 ms. The
 * others are assumptions: a round trip varies little, while opening a connection also builds circuits.
 */
const RESPONSE_VARIANCE = 0.5;
const ROUND_TRIP_VARIANCE = 0.1;
const CONNECT_VARIANCE = 0.25;

/**
 * How fast a circuit's typical response time drifts: variance of its logarithm per second. With a response per second
 * the estimate remembers about a quarter of a minute, with one in ten seconds about a minute, with fifteen per second a
 * few seconds.
 */
const DRIFT_PER_SECOND = 0.003;

const MS_PER_SECOND = 1000;

/** Responses after a measurement of a connection's opening or round trip that still tell how the two are related. */
const RELATED_MS = 60_000;

/** A mean of logarithms that follows its last few hundred values. */
class Ratio {
  #mean: number;
  #values = 8;

  /** @param assumed until values are known; counts as much as eight of them */
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

/** Answers that {@link LoadEffect} remembers, about. */
const LOAD_ANSWERS = 300;

/** How much longer one circuit takes to answer for each query in flight on it: a linear regression. */
class LoadEffect {
  #answers = 0;
  #meanLoad = 0;
  #meanLog = 0;
  #loadVariance = 0;
  #covariance = 0;

  /** @param log of a response time, less that of the typical response time */
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
   * The logarithm of what `load` queries in flight multiply a response time by, above the usual load. 0 unless the
   * effect is beyond chance: by two standard errors.
   */
  logAt(load: number, spread: number): number {
    if (this.#loadVariance === 0 || load <= this.#meanLoad) return 0;
    const standardError = spread / Math.sqrt(this.#loadVariance * this.#answers);
    const slope = this.#covariance / this.#loadVariance - 2 * standardError;
    return Math.max(0, slope) * (load - this.#meanLoad);
  }
}

/** What all circuits to one resolver have in common. */
export class LatencyModel {
  /** A typical response time, as a multiple of the time that opening the connection took. */
  readonly perConnect = new Ratio(1 / 3);
  /** The same, as a multiple of a round trip. */
  readonly perRoundTrip = new Ratio(1.5);
  #spread = RESPONSE_VARIANCE;

  /** Standard deviation of the logarithm of response times on one circuit. */
  get spread(): number {
    return Math.sqrt(this.#spread);
  }

  /** @param log of a response time, less that of the circuit's typical response time */
  deviated(log: number): void {
    // A single value of ten standard deviations would distort the mean for a long time.
    this.#spread += (Math.min(log * log, 9 * this.#spread) - this.#spread) / 100;
  }
}

interface Measured {
  readonly log: number;
  readonly at: number;
}

/**
 * Estimates how long one circuit takes to answer: a Kalman filter over the logarithm of its typical response time,
 * which drifts. Response times are log-normal, so one answer of ten seconds does not make a fast circuit slow. The time
 * that the connection took to open is the first estimate; round trips refine it where no queries are sent. All times
 * are milliseconds.
 */
export class LatencyEstimate {
  readonly #model: LatencyModel;
  readonly #connected: Measured;
  readonly #load = new LoadEffect();
  #roundTrip: Measured | undefined;
  #log: number;
  #variance = CONNECT_VARIANCE;
  #at: number;
  #answers = 0;

  /**
   * @param connectMs time from the start of the attempt to the end of the TLS handshake
   * @param now time on the monotonic clock, as in the other methods
   */
  constructor(model: LatencyModel, connectMs: number, now: number) {
    this.#model = model;
    this.#connected = { log: logOf(connectMs), at: now };
    this.#log = this.#connected.log + model.perConnect.log;
    this.#at = now;
  }

  /** Number of answers that the estimate rests on, besides the time to connect. */
  get answers(): number {
    return this.#answers;
  }

  /** Median response time that is expected now. */
  get typicalMs(): number {
    return Math.exp(this.#log);
  }

  /** The same for a query that is sent while `load` others are in flight. */
  typicalMsAt(load: number): number {
    return Math.exp(this.#log + this.#load.logAt(load, this.#model.spread));
  }

  /** Response time that a share of answers stay below, as standard deviations from the median. */
  quantileMs(deviations: number): number {
    return Math.exp(this.#log + deviations * this.#model.spread);
  }

  tookRoundTrip(durationMs: number, now: number): void {
    this.#roundTrip = { log: logOf(durationMs), at: now };
    this.#observe(this.#roundTrip.log + this.#model.perRoundTrip.log, ROUND_TRIP_VARIANCE, now);
  }

  /** @param load number of other queries that were in flight when the query was sent */
  answered(durationMs: number, now: number, load: number): void {
    const log = logOf(durationMs);
    this.#load.record(load, log - this.#log);
    const { perConnect, perRoundTrip } = this.#model;
    if (now - this.#connected.at < RELATED_MS) perConnect.record(log - this.#connected.log);
    if (this.#roundTrip !== undefined && now - this.#roundTrip.at < RELATED_MS) {
      perRoundTrip.record(log - this.#roundTrip.log);
    }
    this.#answers++;
    this.#model.deviated(log - this.#log);
    this.#observe(log, RESPONSE_VARIANCE, now);
  }

  /** A query got no answer in this time, and none sent after it did either. */
  unanswered(durationMs: number, now: number): void {
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
