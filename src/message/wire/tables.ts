/** Opcodes (IANA "DNS OpCodes"). */
export const OPCODE = { query: 0 } as const;

/** Response codes (IANA "DNS RCODEs"). Those above 15 need an OPT record (RFC 6891 §6.1.3). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

/** Resource record types (IANA "Resource Record (RR) TYPEs") that dns4tor handles or counts by name. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  SIG: 24,
  KEY: 25,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  SVCB: 64,
  HTTPS: 65,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;

/** Classes (IANA "DNS CLASSes"). */
export const CLASS = { IN: 1, CH: 3, ANY: 255 } as const;

/** RFC 6895 §3.1: types 128 to 255 are QTYPEs and meta-TYPEs, which are never zone data. */
const FIRST_META_TYPE = 128;
const LAST_META_TYPE = 255;

/** Whether records of this type can be zone data. QTYPEs, OPT and transaction signatures cannot. */
export function isData(type: number): boolean {
  return type !== TYPE.OPT && !(type >= FIRST_META_TYPE && type <= LAST_META_TYPE);
}
