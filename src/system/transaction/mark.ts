/** Comment in every file that dns4tor writes. It tells a reader where the file is from, and how to get rid of it. */
export const MARK = 'Written by `dns4tor install`; `dns4tor uninstall` restores the original. Do not edit.';

/** Whether a file has the mark, from this version or another. */
export function isMarked(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('Written by `dns4tor install`');
}
