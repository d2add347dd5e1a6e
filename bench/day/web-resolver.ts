import { decode, type Answer as PacketRecord } from 'dns-packet';
import { TYPE } from '../../src/message/wire/tables.ts';
import { buildResponse, soaRecord } from '../../test/fixtures/dns/messages.ts';
import type { AskedType } from './household.ts';
import type { Host } from './web.ts';

const NXDOMAIN_FLAG = 3;

/** RFC 9460 §2.2: ServiceMode (priority 1), target "." (the owner itself), no parameters. */
const HTTPS_DATA: Buffer = Buffer.from([0, 1, 0]);

/** Types by dns-packet's names; it has none for HTTPS. */
export const TYPE_NAMES: Readonly<Record<AskedType, string>> = {
  A: 'A',
  AAAA: 'AAAA',
  HTTPS: `UNKNOWN_${TYPE.HTTPS}`,
};

/** A resolver for these hosts. Missing types get NODATA, other names NXDOMAIN, both with an SOA record. */
export function createWebResolver(hosts: Iterable<Host>): (query: Uint8Array) => Uint8Array {
  const byName = new Map([...hosts].map((host) => [host.name, host]));
  return (query) => {
    const [question] = decode(Buffer.from(query)).questions ?? [];
    const { name = '.', type = 'A' } = question ?? {};
    const host = byName.get(name);
    const answers = host === undefined ? [] : recordsOf(host, type);
    const { ttlSeconds, exists } = host ?? { ttlSeconds: 0, exists: true };
    return buildResponse({
      name,
      type,
      flags: exists ? 0 : NXDOMAIN_FLAG,
      answers,
      authorities: answers.length > 0 ? [] : [soaRecord(name, ttlSeconds, ttlSeconds)],
    });
  };
}

function recordsOf({ name, ttlSeconds: ttl, exists, hasIpv6, hasHttpsRecord }: Host, type: string): PacketRecord[] {
  if (!exists) return [];
  if (type === TYPE_NAMES.A) return [{ type: 'A', name, ttl, data: '192.0.2.1' }];
  if (type === TYPE_NAMES.AAAA && hasIpv6) return [{ type: 'AAAA', name, ttl, data: '2001:db8::1' }];
  if (type === TYPE_NAMES.HTTPS && hasHttpsRecord)
    return [{ type: TYPE_NAMES.HTTPS as 'NULL', name, ttl, data: HTTPS_DATA }];
  return [];
}
