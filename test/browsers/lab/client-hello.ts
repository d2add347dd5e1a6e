const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
/** The protocol version and the random value (RFC 8446 §4.1.2). */
const VERSION_AND_RANDOM_BYTES = 34;
const EXTENSION_HEADER_BYTES = 4;
const SERVER_NAME = 0;
/** In the extension: the length of the list, the type of the name, and its length (RFC 6066 §3). */
const NAME_OFFSET = 5;

/**
 * Reads the server name that a TLS client sends in the clear.
 *
 * @param received the bytes of the connection so far
 * @returns undefined until its first record is complete; empty if the client sends no name
 */
export function serverNameOf(received: Buffer): string | undefined {
  if (received.length < RECORD_HEADER_BYTES) return undefined;
  const end = RECORD_HEADER_BYTES + received.readUInt16BE(RECORD_HEADER_BYTES - 2);
  if (received.length < end) return undefined;
  let offset = RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES + VERSION_AND_RANDOM_BYTES;
  offset += 1 + received.readUInt8(offset); // session ID
  offset += 2 + received.readUInt16BE(offset); // cipher suites
  offset += 1 + received.readUInt8(offset); // compression methods
  offset += 2; // length of the extensions
  while (offset < end) {
    const start = offset + EXTENSION_HEADER_BYTES;
    const length = received.readUInt16BE(offset + 2);
    if (received.readUInt16BE(offset) === SERVER_NAME) {
      return received.toString('latin1', start + NAME_OFFSET, start + length);
    }
    offset = start + length;
  }
  return '';
}
