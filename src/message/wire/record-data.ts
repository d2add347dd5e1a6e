import { MAX_NAME_BYTES, readName } from './name.ts';
import type { ResourceRecord } from './record.ts';
import { TYPE } from './tables.ts';

/** The layout of RDATA: octets, then names, then octets. */
interface Layout {
  readonly before: number;
  readonly names: number;
  readonly after: number;
}

const ONE_NAME: Layout = { before: 0, names: 1, after: 0 };

/** The types whose RDATA client libraries parse (RFC 1035 §3.3, §3.4; RFC 3596 §2.2; RFC 2782; RFC 6672 §2.1). */
const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
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
