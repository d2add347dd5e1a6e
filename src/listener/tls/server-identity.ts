import { type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

/** What clients of DoT and DoH see. */
export interface CertificateAndKey {
  /** The certificate chain in PEM form, the server's own certificate first. */
  readonly certificate: string;
  /** The private key of the first certificate. */
  readonly key: KeyObject;
}

/** The certificate of the listeners for DoT and DoH. Open connections keep theirs when it is replaced. */
export class ServerIdentity {
  #context: SecureContext;
  #certificate: X509Certificate;

  /** @throws Error if the key does not belong to the certificate */
  constructor(material: CertificateAndKey) {
    this.#context = createContext(material);
    this.#certificate = new X509Certificate(material.certificate);
  }

  /** For new connections. */
  get context(): SecureContext {
    return this.#context;
  }

  /** The server's own certificate. */
  get certificate(): X509Certificate {
    return this.#certificate;
  }

  /** Presents another certificate from now on. @throws Error as the constructor does; nothing has changed then */
  replace(material: CertificateAndKey): void {
    const next = new ServerIdentity(material);
    this.#context = next.context;
    this.#certificate = next.certificate;
  }
}

/** RFC 8310 §8 and RFC 9325 §3.1.1: TLS 1.2 or newer, whatever the environment says. */
function createContext({ certificate, key }: CertificateAndKey): SecureContext {
  return createSecureContext({
    cert: certificate,
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
  });
}
