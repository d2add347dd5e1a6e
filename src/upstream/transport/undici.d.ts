// Types for modules of undici 8 that have none: its client, which loads far less code than the package's entry point,
// and two symbols.

declare module 'undici/lib/core/symbols.js' {
  const symbols: {
    /** Key of the client's method that connects before the first request. */
    readonly kConnect: unique symbol;
    /** Key of the client's HTTP/2 session while it is connected. */
    readonly kHTTP2Session: unique symbol;
  };
  export default symbols;
}

declare module 'undici/lib/dispatcher/client.js' {
  import type { ClientHttp2Session } from 'node:http2';
  import type { Dispatcher, Client as PublicClient } from 'undici';
  import type symbols from 'undici/lib/core/symbols.js';

  interface RequestOptions {
    readonly method: 'POST';
    readonly path: string;
    /** Alternating names and values. */
    readonly headers: readonly string[];
    /** Undici's own types omit that it accepts any iterable. */
    readonly body: Iterable<Uint8Array>;
  }

  export default class Client {
    constructor(origin: string, options: PublicClient.Options);
    on(event: 'connect' | 'disconnect', listener: () => void): this;
    dispatch(options: RequestOptions, handler: Dispatcher.DispatchHandler): boolean;
    [symbols.kConnect](onConnect: () => void): void;
    readonly [symbols.kHTTP2Session]?: ClientHttp2Session | null;
  }
}
