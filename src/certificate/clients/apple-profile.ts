import { createHash, type X509Certificate } from 'node:crypto';
import { ENCRYPTED_PORT } from '../../model/usual-ports.ts';
import type { ClientAddresses } from './client-addresses.ts';

/** A value of a property list, as far as profiles need it. */
type Property = string | number | Uint8Array | readonly Property[] | { readonly [key: string]: Property };

/** How a device asks. */
export type AppleProtocol = 'HTTPS' | 'TLS';

const LINE_CHARACTERS = 64;

/**
 * Renders a configuration profile for iOS, iPadOS and macOS: the authority's certificate, and the server for all names.
 * Another profile for the same server replaces it.
 *
 * @returns undefined if a device cannot be set to the server by this protocol
 */
export function appleProfile(
  addresses: ClientAddresses,
  authority: X509Certificate,
  protocol: AppleProtocol,
): string | undefined {
  const { host, url, dotName, isOwnMachine } = addresses;
  if (isOwnMachine) return undefined;
  // A profile cannot name another port.
  if (protocol === 'TLS' && (dotName === undefined || addresses.dotPort !== ENCRYPTED_PORT.dot)) return undefined;
  const identifier = `dns4tor.${protocol.toLowerCase()}.${host}`;
  const payload = (part: string, type: string, name: string): Record<string, Property> => ({
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: part === '' ? identifier : `${identifier}.${part}`,
    PayloadUUID: uuidOf(authority, `${identifier} ${part}`),
    PayloadDisplayName: name,
  });
  const server: Record<string, Property> = protocol === 'TLS' ? { ServerName: dotName ?? '' } : { ServerURL: url };
  const settings = {
    DNSProtocol: protocol,
    ...server,
    ...(addresses.addresses.length === 0 ? {} : { ServerAddresses: addresses.addresses }),
  };
  return toPropertyList({
    ...payload('', 'Configuration', `dns4tor at ${host}`),
    PayloadDescription: `Sends all DNS queries to dns4tor at ${host}, over ${protocol}.`,
    PayloadContent: [
      {
        ...payload('authority', 'com.apple.security.root', `Certificate authority of dns4tor at ${host}`),
        PayloadCertificateFileName: 'dns4tor.cer',
        PayloadContent: authority.raw,
      },
      { ...payload('dns', 'com.apple.dnsSettings.managed', `dns4tor at ${host}`), DNSSettings: settings },
    ],
  });
}

/** A UUID of version 8 (RFC 9562 §5.8) that is always the same for an authority and a text. */
function uuidOf({ raw }: X509Certificate, text: string): string {
  const bytes = createHash('sha256').update(raw).update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex').toUpperCase();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function toPropertyList(root: Property): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    ...toLines(root),
    '</plist>',
    '',
  ].join('\n');
}

function toLines(value: Property): readonly string[] {
  if (typeof value === 'string') return [`<string>${escape(value)}</string>`];
  if (typeof value === 'number') return [`<integer>${value}</integer>`];
  if (value instanceof Uint8Array) {
    const lines =
      Buffer.from(value)
        .toString('base64')
        .match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
    return ['<data>', ...lines, '</data>'];
  }
  if (isList(value)) return ['<array>', ...value.flatMap(toLines).map(indent), '</array>'];
  const entries = Object.entries(value).flatMap(([key, one]) => [`<key>${escape(key)}</key>`, ...toLines(one)]);
  return ['<dict>', ...entries.map(indent), '</dict>'];
}

function isList(value: Property): value is readonly Property[] {
  return Array.isArray(value);
}

function indent(line: string): string {
  return `\t${line}`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
