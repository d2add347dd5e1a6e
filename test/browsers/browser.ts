/** Size of the page in pixels. */
export const WINDOW = { width: 900, height: 330 } as const;

/** A browser of the lab, set to dns4tor by its policies. */
export interface Browser extends AsyncDisposable {
  /** Opens a URL as a user does that types it. */
  open(url: string): Promise<Visit>;
  /** Evaluates a JavaScript expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** A picture of the page: PNG. */
  screenshot(): Promise<Uint8Array>;
}

/** What became of opening a URL. */
export type Visit =
  | {
      /** Where the browser ended up. */
      readonly url: string;
      /** The text of the page. */
      readonly text: string;
    }
  | {
      /** The browser's own description of its error. */
      readonly error: string;
    };
