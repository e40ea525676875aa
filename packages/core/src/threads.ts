import { SsError } from './errors.ts';
import { showValue } from './options.ts';

/** More threads than this share no work of these ops any more; each takes memory and a place in every queue. */
export const maxThreads = 256;

/**
 * @param what who was told so, for the message: `cpu: threads`
 * @throws SsError `argument-invalid`, or `code`, unless `value` is a whole number from 1 to 256
 */
export function checkThreads(
  what: string,
  value: unknown,
  code: 'argument-invalid' | 'environment-invalid' = 'argument-invalid',
): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxThreads) return;
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  const cores = navigator?.hardwareConcurrency;
  const here = cores === undefined ? '' : ` There ${cores === 1 ? 'is 1 core' : `are ${cores} cores`} here.`;
  throw new SsError(
    code,
    `${what} is ${showValue(value)} where a whole number from 1 to ${maxThreads} is wanted.${here}`,
    { hint: 'Leave it out to have one for each core.', details: { value, maxThreads, cores } },
  );
}
