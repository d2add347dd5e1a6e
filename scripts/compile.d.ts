type RunEsbuild = (args: readonly string[]) => void;

export function compile(root: string, esbuild: RunEsbuild): void;
export function bundleProgram(esbuild: RunEsbuild, folder: string): readonly string[];
