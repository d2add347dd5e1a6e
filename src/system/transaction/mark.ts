/** Stands in a comment of each file that is written, so that whoever finds it knows from where it is and how to be rid of it. */
export const MARK = 'Written by `dns4tor install`. `dns4tor uninstall` puts back what was here; do not edit.';

/** Whether a file holds the mark, of this version or another. */
export function isMarked(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('Written by `dns4tor install`');
}
