/** An address or an alias that the operator gives to a name. Names are as `toHostName` returns them. */
export type OwnName =
  | { readonly name: string; readonly address: string }
  /** The target is resolved like any other name. */
  | { readonly name: string; readonly target: string };
