/** A program that looks names up, as `npm run bench:latency` compares several. */
export interface NameClient extends AsyncDisposable {
  /** Does what the program does at its start, before anybody asks. */
  start(): void;
  /** Whether the name was answered; resolves when whoever asked is told, and never rejects. */
  ask(name: string): Promise<boolean>;
}
