import { decodeProvenance, type Provenance } from '../answer/provenance.ts';
import { readU16, readU32 } from '../wire/bytes.ts';
import { DNSSEC_OK, EDNS_OPTION, INFO_CODE_BYTES, readOptions } from '../wire/edns.ts';
import { FLAG, flagsOf, HEADER, HEADER_BYTES, opcodeOf, QUESTION_FIXED_BYTES, rcodeOf } from '../wire/header.ts';
import { RECORD_FIXED_BYTES } from '../wire/record.ts';
import { CLASS, RCODE, TYPE } from '../wire/tables.ts';
import { nameText } from './name-text.ts';
import { recordDataText, typeName } from './record-text.ts';

/** A record in presentation form (RFC 1035 §5.1). */
export interface RecordView {
  readonly name: string;
  readonly ttl: number;
  readonly class: string;
  readonly type: string;
  readonly data: string;
}

/** An OPT record in a form that is easy to print. */
export interface EdnsView {
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly udpPayloadBytes: number;
  /** Extended DNS errors (RFC 8914). */
  readonly errors: readonly { readonly code: number; readonly text: string }[];
  readonly provenance: Provenance | undefined;
  /** All other options. */
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[];
}

/** A message in a form that is easy to print. */
export interface MessageView {
  readonly id: number;
  readonly opcode: number;
  /** Name of the RCODE, such as NXDOMAIN. */
  readonly status: string;
  /** In lower case and in the header's order: `qr`, `rd`, `ra`, … */
  readonly flags: readonly string[];
  readonly questions: readonly Pick<RecordView, 'name' | 'class' | 'type'>[];
  readonly answers: readonly RecordView[];
  readonly authorities: readonly RecordView[];
  /** Without the OPT record. */
  readonly additionals: readonly RecordView[];
  readonly edns: EdnsView | undefined;
}

const CLASS_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(CLASS).map(([name, number]) => [number, name]));
const RCODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, number]) => [number, name]));

interface Opt {
  readonly extendedRcode: number;
  readonly view: EdnsView;
}

/** Decodes a message for display. Returns undefined if it is malformed. */
export function viewMessage(wire: Uint8Array): MessageView | undefined {
  if (wire.length < HEADER_BYTES) return undefined;
  let offset = HEADER_BYTES;
  const questions = [];
  for (let i = readU16(wire, HEADER.qdcount); i > 0; i--) {
    const name = nameText(wire, offset);
    if (name === undefined || name.end + QUESTION_FIXED_BYTES > wire.length) return undefined;
    questions.push({
      name: name.text,
      class: className(readU16(wire, name.end + 2)),
      type: typeName(readU16(wire, name.end)),
    });
    offset = name.end + QUESTION_FIXED_BYTES;
  }
  const sections: RecordView[][] = [];
  let opt: Opt | undefined;
  for (const count of [HEADER.ancount, HEADER.nscount, HEADER.arcount]) {
    const records: RecordView[] = [];
    for (let i = readU16(wire, count); i > 0; i--) {
      const name = nameText(wire, offset);
      const dataStart = (name?.end ?? wire.length) + RECORD_FIXED_BYTES;
      if (name === undefined || dataStart > wire.length) return undefined;
      const end = dataStart + readU16(wire, dataStart - 2);
      if (end > wire.length) return undefined;
      const type = readU16(wire, name.end);
      if (type === TYPE.OPT) opt = viewOpt(wire, name.end, dataStart, end);
      else {
        records.push({
          name: name.text,
          ttl: readU32(wire, name.end + 4),
          class: className(readU16(wire, name.end + 2)),
          type: typeName(type),
          data: recordDataText(wire, type, dataStart, end),
        });
      }
      offset = end;
    }
    sections.push(records);
  }
  const [answers = [], authorities = [], additionals = []] = sections;
  const rcode = ((opt?.extendedRcode ?? 0) << 4) | rcodeOf(wire);
  return {
    id: readU16(wire, HEADER.id),
    opcode: opcodeOf(wire),
    status: RCODE_NAMES.get(rcode) ?? `RESERVED${rcode}`,
    flags: Object.entries(FLAG)
      .filter(([, bit]) => (flagsOf(wire) & bit) !== 0)
      .map(([name]) => name.toLowerCase()),
    questions,
    answers,
    authorities,
    additionals,
    edns: opt?.view,
  };
}

function className(number: number): string {
  return CLASS_NAMES.get(number) ?? `CLASS${number}`;
}

function viewOpt(wire: Uint8Array, fixed: number, dataStart: number, end: number): Opt {
  const ttl = readU32(wire, fixed + 4);
  const options = (readOptions(wire, dataStart, end) ?? []).map(({ code, dataStart: from, dataEnd }) => ({
    code,
    data: wire.subarray(from, dataEnd),
  }));
  const provenance = options.find(({ code }) => code === EDNS_OPTION.provenance);
  const isError = ({ code, data }: (typeof options)[number]): boolean =>
    code === EDNS_OPTION.extendedError && data.length >= INFO_CODE_BYTES;
  return {
    extendedRcode: ttl >>> 24,
    view: {
      version: (ttl >>> 16) & 0xff,
      dnssecOk: (ttl & DNSSEC_OK) !== 0,
      udpPayloadBytes: readU16(wire, fixed + 2),
      errors: options
        .filter(isError)
        .map(({ data }) => ({ code: readU16(data, 0), text: Buffer.from(data.subarray(INFO_CODE_BYTES)).toString() })),
      provenance: provenance && decodeProvenance(provenance.data),
      options: options.filter((option) => option !== provenance && !isError(option)),
    },
  };
}
