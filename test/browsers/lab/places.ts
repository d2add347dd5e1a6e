/** Addresses in the namespace: documentation ones (RFC 5737 §3, RFC 3849 §2), and one of a local network (RFC 1918). */
export const ADDRESSES = {
  site: '192.0.2.1',
  site6: '2001:db8::1',
  /** The server with Encrypted Client Hello. */
  hidden: '192.0.2.2',
  printer: '192.168.77.9',
} as const;

/** Where dns4tor serves DNS over HTTPS. */
export const DOH_ADDRESS = '127.0.0.1';

export const ZONE = 'browsers.dns4tor-lab.net';
/** The site with Encrypted Client Hello. */
export const HIDDEN: string = `hidden.${ZONE}`;
/** The name that clients of the hidden site send in the clear. */
export const COVER: string = `cover.${ZONE}`;
/** A site with a certificate of dns4tor's authority. */
export const FORGED: string = `forged.${ZONE}`;

/** Ports of 127.0.0.1 in the namespace. */
export const MARIONETTE_PORT = 2828;
export const SELFSERV_PORT = 8443;
/** Another server with a certificate of dns4tor's authority. */
export const ALLOWED_PORT = 8444;
