import type { CaseResult } from './report.ts';

/** A deviation that the backend's author knows of. A case that it names and that passes is a failure. */
export interface KnownDeviation {
  /** the id of a case; `*` stands for anything */
  readonly case: string;
  readonly reason: string;
}

/** A result in the light of what is known: a known failure is skipped with its reason, a known pass fails. */
export function applyKnown(result: CaseResult, known: readonly KnownDeviation[]): CaseResult {
  const deviation = known.find(({ case: pattern }) => matches(result.id, pattern));
  if (deviation === undefined || result.status === 'skipped') return result;
  if (result.status === 'failed')
    return { ...result, status: 'skipped', reason: `known deviation: ${deviation.reason}` };
  return {
    ...result,
    status: 'failed',
    reason: `Passes, although it is declared as a known deviation (${deviation.reason}). Remove the declaration ${deviation.case}.`,
  };
}

export function matches(id: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(id);
}
