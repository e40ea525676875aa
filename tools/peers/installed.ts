import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whether `setup.ts` has put this package beside these files. */
export function isInstalled(name: string): boolean {
  return existsSync(manifest(name));
}

export function installedVersion(name: string): string {
  return (JSON.parse(readFileSync(manifest(name), 'utf8')) as { readonly version: string }).version;
}

function manifest(name: string): string {
  return join(import.meta.dirname, 'node_modules', name, 'package.json');
}
