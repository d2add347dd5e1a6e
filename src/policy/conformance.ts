import type { ErrorCode } from '../failures/failures.ts';
import { readU16 } from '../message/wire/bytes.ts';
import { FLAG, flagsOf, HEADER, opcodeOf } from '../message/wire/header.ts';
import { CLASS, isData, OPCODE, TYPE } from '../message/wire/tables.ts';
import type { Query } from '../model/query.ts';

/** Why a query is refused regardless of its name. Undefined if it is acceptable. */
export function refusalOf(query: Query): ErrorCode | undefined {
  const { wire, scan } = query;
  // IQUERY (RFC 3425), STATUS, NOTIFY (RFC 1996), UPDATE (RFC 2136), DSO (RFC 8490): none applies to a forwarder.
  if (opcodeOf(wire) !== OPCODE.query) return 'ERR_QUERY_OPCODE';
  if (scan.verdict !== 'ok' || !hasQuerySections(query)) return 'ERR_QUERY_MALFORMED';
  // RFC 6891 §6.1.3: an unknown version gets BADVERS.
  if (scan.ednsVersion > 0) return 'ERR_QUERY_EDNS_VERSION';
  if (scan.qclass !== CLASS.IN) return 'ERR_QUERY_CLASS';
  // RFC 5936 §2, RFC 1995 §2: a cache has no zones to transfer.
  if (scan.qtype === TYPE.AXFR || scan.qtype === TYPE.IXFR) return 'ERR_QUERY_TRANSFER';
  // RFC 6895 §3.1: of the other QTYPEs and meta-TYPEs, only ANY can be queried.
  if (!isData(scan.qtype) && scan.qtype !== TYPE.ANY) return 'ERR_QUERY_META_TYPE';
  // RD=0 asks for cached answers only (RFC 1035 §4.1.1), which would reveal other users' queries.
  if ((flagsOf(wire) & FLAG.RD) === 0) return 'ERR_QUERY_NOT_RECURSIVE';
  return undefined;
}

/** A query has no answer section and is not truncated. Only IXFR has an authority section (RFC 1995 §3). */
function hasQuerySections({ wire, scan }: Query): boolean {
  if ((flagsOf(wire) & FLAG.TC) !== 0 || readU16(wire, HEADER.ancount) !== 0) return false;
  return readU16(wire, HEADER.nscount) === 0 || scan.qtype === TYPE.IXFR;
}
