/**
 * Cipher suites for TLS 1.2 and 1.3: all of TLS 1.3 in OpenSSL's default list, and of TLS 1.2 those with forward secrecy
 * and an AEAD (RFC 9325 §4.2). RFC 9113 §9.2.2 prohibits all others for HTTP/2.
 */
export const FORWARD_SECRET_CIPHERS: string = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':');
