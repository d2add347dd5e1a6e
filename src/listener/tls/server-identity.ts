import { constants, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import { FORWARD_SECRET_CIPHERS } from '../../model/tls/cipher-suites.ts';
import { HandshakeTurns } from './handshake-turns.ts';

/** What clients of DoT and DoH see. */
export interface CertificateAndKey {
  /** The certificate chain in PEM form, the server's own certificate first. */
  readonly certificate: string;
  /** The private key of the first certificate. */
  readonly key: KeyObject;
}

/** How long the key that encrypts session tickets is used (RFC 9325 §3.4: it must change regularly). */
const TICKET_KEY_MS = 86_400_000;

/** The certificate of the listeners for DoT and DoH. Open connections keep theirs when it is replaced. */
export class ServerIdentity {
  readonly #clock: Clock;
  #material: CertificateAndKey;
  #certificate: X509Certificate;
  #context: SecureContext;
  #createdAt: number;

  /** The turns of all handshakes with this identity. */
  readonly handshakes = new HandshakeTurns();

  /** @throws Error if the key does not belong to the certificate */
  constructor(material: CertificateAndKey, clock: Clock) {
    this.#clock = clock;
    this.#material = material;
    this.#certificate = new X509Certificate(material.certificate);
    this.#context = createContext(material);
    this.#createdAt = clock.now();
  }

  /** For new connections. Sessions can be resumed for as long as it stays the same. */
  get context(): SecureContext {
    // OpenSSL makes a key for session tickets with each context, and keeps it in memory only.
    if (this.#clock.now() - this.#createdAt >= TICKET_KEY_MS) this.replace(this.#material);
    return this.#context;
  }

  /** The server's own certificate. */
  get certificate(): X509Certificate {
    return this.#certificate;
  }

  /** Presents another certificate from now on. @throws Error as the constructor does; nothing has changed then */
  replace(material: CertificateAndKey): void {
    const certificate = new X509Certificate(material.certificate);
    this.#context = createContext(material);
    this.#certificate = certificate;
    this.#material = material;
    this.#createdAt = this.#clock.now();
  }
}

/** Explicit, because NODE_OPTIONS and OPENSSL_CONF set the defaults. */
function createContext({ certificate, key }: CertificateAndKey): SecureContext {
  // Leak mutation: identity
  return createSecureContext({
    cert: certificate,
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    // RFC 8310 §8, RFC 9325 §3.1.1.
    minVersion: 'TLSv1.2',
    // The client's order decides: it knows whether its processor has AES instructions.
    ciphers: FORWARD_SECRET_CIPHERS,
    // RFC 9325 §3.5 and RFC 9113 §9.2.1. Node allows it, and a client could ask for one handshake after another.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
}
