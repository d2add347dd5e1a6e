/** The text of an uncompressed name in wire form. */
export function decodeLabels(wire: Uint8Array, start: number): string {
  const labels: string[] = [];
  for (let at = start; wire[at] !== 0; at += 1 + (wire[at] ?? 0)) {
    labels.push(Buffer.from(wire.subarray(at + 1, at + 1 + (wire[at] ?? 0))).toString('latin1'));
  }
  return labels.join('.');
}
