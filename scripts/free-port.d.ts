export function requireFreePort(args: readonly string[]): Promise<void>;
