/** Maximum seeds of one run: each has sockets and a TLS server for every client. */
const MAX_SEEDS = 100;

/** Parses `7` or `1-10`. Undefined if the text is neither, or means too many seeds. */
export function parseSeeds(text: string): number[] | undefined {
  const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  const count = Number(to) - Number(from) + 1;
  if (!(count >= 1 && count <= MAX_SEEDS)) return undefined;
  return Array.from({ length: count }, (_, i) => Number(from) + i);
}
