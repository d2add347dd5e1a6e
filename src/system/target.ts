/** Where dns4tor answers. */
export interface Target {
  /** A loopback address of this machine. */
  readonly address: string;
  readonly port: number;
}
