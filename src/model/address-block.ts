/** A CIDR block (RFC 4632 §3.1, RFC 4291 §2.3). */
export interface Cidr {
  /** Without brackets. */
  readonly address: string;
  /** Prefix length in bits: 0 to 32, or to 128 for IPv6. */
  readonly prefix: number;
  readonly family: 4 | 6;
}
