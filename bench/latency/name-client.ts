/** A client that looks up names, one of those that `npm run bench:latency` compares. */
export interface NameClient extends AsyncDisposable {
  /** Does what the program does at its start, before the first lookup. */
  start(): void;
  /** Looks up a name. Resolves to whether it was answered; never rejects. */
  ask(name: string): Promise<boolean>;
}
