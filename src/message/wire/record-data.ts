import { MAX_NAME_BYTES, readName } from './name.ts';
import type { ResourceRecord } from './record.ts';
import { TYPE } from './tables.ts';

/** The layout of RDATA: octets, then names, then octets. */
export interface DataLayout {
  readonly before: number;
  readonly names: number;
  readonly after: number;
}

const ONE_NAME: DataLayout = { before: 0, names: 1, after: 0 };

/** The types whose RDATA client libraries parse (RFC 1035 §3.3, §3.4; RFC 3596 §2.2; RFC 2782; RFC 6672 §2.1). */
const LAYOUTS: ReadonlyMap<number, DataLayout> = new Map([
  [TYPE.A, { before: 4, names: 0, after: 0 }],
  [TYPE.NS, ONE_NAME],
  [TYPE.CNAME, ONE_NAME],
  [TYPE.SOA, { before: 0, names: 2, after: 20 }],
  [TYPE.PTR, ONE_NAME],
  [TYPE.MX, { before: 2, names: 1, after: 0 }],
  [TYPE.AAAA, { before: 16, names: 0, after: 0 }],
  [TYPE.SRV, { before: 6, names: 1, after: 0 }],
  [TYPE.DNAME, ONE_NAME],
]);

/**
 * Older types whose RDATA may have compressed names (RFC 1035 §3.3, RFC 3597 §4). Few programs use them, so their RDATA
 * is not checked, but it has to be read to be moved.
 */
const OLDER_LAYOUTS: ReadonlyMap<number, Omit<DataLayout, 'after'>> = new Map(
  [
    [3, 0, 1], // MD
    [4, 0, 1], // MF
    [7, 0, 1], // MB
    [8, 0, 1], // MG
    [9, 0, 1], // MR
    [14, 0, 2], // MINFO
    [17, 0, 2], // RP
    [18, 2, 1], // AFSDB
    [21, 2, 1], // RT
    [26, 2, 2], // PX
    [36, 2, 1], // KX
  ].map(([type = 0, before = 0, names = 0]) => [type, { before, names }]),
);

/** Where the names are that the RDATA of a type can have in compressed form. Undefined if it has none. */
export function dataLayout(type: number): Omit<DataLayout, 'after'> | undefined {
  return LAYOUTS.get(type) ?? OLDER_LAYOUTS.get(type);
}

/**
 * Whether a record's RDATA has the length that its type requires and valid names. True for unknown types, which may
 * contain anything (RFC 3597 §3).
 */
type RecordDataCheck = (wire: Uint8Array, record: ResourceRecord) => boolean;

/**
 * Creates a check with its own buffer, to be used for all records of a message. RDATA passes through unchanged, with
 * compression, so the client would have to cope with any error in it.
 */
export function createRecordDataCheck(): RecordDataCheck {
  const nameBuffer = new Uint8Array(MAX_NAME_BYTES);
  return (wire, { type, dataStart, end }) => {
    const layout = LAYOUTS.get(type);
    if (layout === undefined) return true;
    let offset = dataStart + layout.before;
    for (let i = 0; i < layout.names; i++) {
      const name = readName(wire, offset, nameBuffer);
      if (name === undefined) return false;
      offset = name.end;
    }
    return offset + layout.after === end;
  };
}
