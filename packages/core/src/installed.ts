interface NodeModule {
  createRequire(from: string): { resolve(specifier: string): string };
}
interface NodeUrl {
  pathToFileURL(path: string): URL;
}

/**
 * Where an optional package is, in Node: its entry as a URL, looked up from the working directory, the program, and the
 * module `from`, an `import.meta.url`. Undefined where it is not installed, and elsewhere than in Node.
 */
export function resolveInstalled(name: string, from: string): string | undefined {
  const node = nodeModules();
  if (node === undefined) return undefined;
  for (const at of [`${node.cwd}/`, node.program, from]) {
    if (at === undefined) continue;
    try {
      return node.url.pathToFileURL(node.module.createRequire(at).resolve(name)).href;
    } catch {
      // Not visible from there; the next place may see it.
    }
  }
  return undefined;
}

/** Whether packages can be looked up: in Node, and what is like it. */
export function hasInstalledPackages(): boolean {
  return nodeModules() !== undefined;
}

function nodeModules():
  | { module: NodeModule; url: NodeUrl; cwd: string; program: string | undefined }
  | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(id: string): unknown; cwd?(): string; argv?: string[] };
  };
  const module = process?.getBuiltinModule?.('node:module') as NodeModule | undefined;
  const url = process?.getBuiltinModule?.('node:url') as NodeUrl | undefined;
  if (!module?.createRequire || !url?.pathToFileURL || !process?.cwd) return undefined;
  return { module, url, cwd: process.cwd(), program: process.argv?.[1] };
}
