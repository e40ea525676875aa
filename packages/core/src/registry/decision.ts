import type { Blocker, Plan } from '../backend.ts';

/** What became of one backend in a selection. */
export type CandidateStatus = 'chosen' | 'fallback' | 'outranked' | 'blocked' | 'excluded' | 'not loaded';

export interface Candidate {
  readonly id: string;
  readonly priority: number;
  readonly status: CandidateStatus;
  readonly blockers: readonly Blocker[];
  /** Device facts, a plan's notes, or what to know about the status. */
  readonly notes: readonly string[];
  /** How it would run the op asked about. */
  readonly plan?: Plan | undefined;
}

/** Every candidate of a selection with what became of it, best first. Prints as a table. */
export class Decision {
  readonly candidates: readonly Candidate[];
  /** What was asked, in words. */
  readonly question: string;

  constructor(question: string, candidates: readonly Candidate[]) {
    this.question = question;
    this.candidates = candidates;
  }

  get chosen(): Candidate | undefined {
    return this.candidates.find(({ status }) => status === 'chosen');
  }

  /** One line: who, and why not the others that come first. */
  get summary(): string {
    const { chosen } = this;
    if (chosen === undefined)
      return `no backend: ${this.candidates.map((c) => `${c.id} ${c.status} (${reason(c)})`).join('; ')}`;
    const before = this.candidates.slice(0, this.candidates.indexOf(chosen));
    const passed = before.filter((c) => c.status === 'blocked');
    const because =
      passed.length === 0 ? '' : `; not ${passed.map((c) => `${c.id} (${reason(c)})`).join(', ')}`;
    const notes = chosen.notes.length === 0 ? '' : ` (${chosen.notes.join(', ')})`;
    return `${chosen.id}${notes}${because}`;
  }

  toJSON(): { question: string; chosen: string | null; candidates: readonly Candidate[] } {
    return { question: this.question, chosen: this.chosen?.id ?? null, candidates: this.candidates };
  }

  toString(): string {
    const rows = [['backend', 'status', 'why'], ...this.candidates.map((c) => [c.id, c.status, reason(c)])];
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    const lines = rows.map(([id, status, why]) =>
      `${id!.padEnd(widths[0]!)}  ${status!.padEnd(widths[1]!)}  ${why}`.trimEnd(),
    );
    return [this.question, ...lines].join('\n');
  }
}

function reason({ blockers, notes }: Candidate): string {
  if (blockers.length > 0)
    return blockers
      .map(({ message, fix }) => (fix === undefined ? message : `${message} (${fix})`))
      .join('; ');
  return notes.join(', ');
}
