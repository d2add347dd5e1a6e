/** The most seeds of one run: each has sockets and a TLS server for every client. */
const MAX_SEEDS = 100;

/** Seeds as the command line gives them: `7`, or `1-10`. Undefined if `text` is neither, or too many. */
export function parseSeeds(text: string): number[] | undefined {
  const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  const count = Number(to) - Number(from) + 1;
  if (!(count >= 1 && count <= MAX_SEEDS)) return undefined;
  return Array.from({ length: count }, (_, i) => Number(from) + i);
}
