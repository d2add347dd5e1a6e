export const ROOT: string;
export function runScript(main: () => number | undefined | Promise<number | undefined>): Promise<void>;
export function installPrograms(programs: Iterable<string>, packagesByProgram?: Readonly<Record<string, string>>): void;
export function installProgramsOf(...files: readonly string[]): void;
export function debianPackages(): Readonly<Record<string, string>>;
export function isInstalled(wanted: Packages, installed: Packages | undefined): boolean;

type Packages = Readonly<Record<string, { readonly integrity?: string; readonly optional?: boolean }>>;
