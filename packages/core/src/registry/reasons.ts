import type { Backend, Blocker } from '../backend.ts';
import { SsError } from '../errors.ts';
import type { OpName } from '../ops/op.ts';
import type { Decision } from './decision.ts';
import type { SelectRequest } from './request.ts';

/** The ops a backend would have to have, as a blocker. */
export function lacking(ops: readonly OpName[]): Blocker | undefined {
  if (ops.length === 0) return undefined;
  return {
    code: 'op-missing',
    message: `it lacks ${ops.join(', ')}`,
    origin: 'request',
    fix: "select({ fallback: 'op' }) lets other backends run what it lacks",
  };
}

/** A device in words: its name, then its facts. */
export function describeDevice({ device }: Backend): string[] {
  const facts = Object.entries(device.facts).map(([name, value]) =>
    value === true ? name : `${name} ${value}`,
  );
  return [device.name, ...facts];
}

/** A request in words. */
export function question({ require, prefer, exclude, fallback }: SelectRequest): string {
  const parts = [
    require !== undefined && `require ${require}`,
    prefer !== undefined && `prefer ${[prefer].flat().join(', ')}`,
    exclude !== undefined && `exclude ${exclude.join(', ')}`,
    `fallback ${fallback}`,
  ];
  return `Backend selection (${parts.filter(Boolean).join('; ')})`;
}

export function unavailable(
  decision: Decision,
  { require }: SelectRequest,
  fromEnvironment: string | undefined,
  ids: readonly string[],
  cause: unknown,
): SsError<'backend-unavailable'> {
  const id = require ?? fromEnvironment;
  const named = require === undefined ? 'SS_BACKEND names' : 'require names';
  const message =
    id !== undefined && !ids.includes(id)
      ? `There is no backend ${id}, which ${named}; registered are ${ids.join(', ')}.`
      : `No backend can be used.\n${decision}`;
  return new SsError('backend-unavailable', message, { details: { decision }, cause });
}
