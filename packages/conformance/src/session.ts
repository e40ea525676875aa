import { createRegistry, SsError, throwIfAborted } from '@ss/core';
import type { BackendRegistration, Engine, MemoryInfo, OpName } from '@ss/core';
import { createReferenceBackend } from '@ss/core/reference';
import { Bench } from './bench.ts';
import { Skip } from './case.ts';
import type { Case, Setup, Suite } from './case.ts';
import { guarded } from './guarded-backend.ts';
import type { CaseResult } from './report.ts';

/** A registration, or a function that makes an engine; of the engine only its own backend is tested. */
export type Subject = BackendRegistration | (() => Engine | Promise<Engine>);

interface RunOptions {
  /** by id */
  wanted(id: string): boolean;
  readonly signal?: AbortSignal | undefined;
}

/** One backend, loaded, and the reference beside it. */
export class Session implements AsyncDisposable {
  readonly bench: Bench;
  readonly #given: Engine;
  readonly #start: MemoryInfo;
  #yieldedAt = performance.now();

  private constructor(given: Engine) {
    this.#given = given;
    this.bench = new Bench(guarded(given.backend), createReferenceBackend());
    this.#start = this.bench.engine.memory();
  }

  /** @throws SsError `backend-unavailable` */
  static async open(subject: Subject, signal?: AbortSignal): Promise<Session> {
    if (typeof subject === 'function') return new Session(await subject());
    const registry = createRegistry([subject]);
    return new Session(await registry.select({ require: subject.id, fallback: 'none', signal }));
  }

  get id(): string {
    return this.bench.engine.id;
  }

  get ops(): readonly OpName[] {
    return this.bench.engine.backend.ops;
  }

  /** Every case of one suite about one op. */
  async *run(
    suite: Suite,
    op: OpName,
    setup: Setup,
    { wanted, signal }: RunOptions,
  ): AsyncGenerator<CaseResult> {
    for await (const each of suite.cases(op, setup)) {
      throwIfAborted(signal, `testing ${this.id}`);
      const id = `${suite.name}/${op}/${each.name}`;
      if (!wanted(id)) continue;
      await this.#yield();
      yield this.#runCase(each, id, op);
    }
  }

  /** After the last case about any of `ops`: is everything given back? */
  async atEnd(ops: readonly OpName[]): Promise<CaseResult> {
    const op = ops.findLast((each) => this.ops.includes(each)) ?? ops[0]!;
    return this.#measure(`leaks/${op}/at-the-end`, op, () => this.#requireSame(this.#start));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#given.dispose();
  }

  async #runCase({ uses = [], run }: Case, id: string, op: OpName): Promise<CaseResult> {
    const lacking = uses.filter((used) => !this.ops.includes(used));
    if (lacking.length > 0) {
      return {
        id,
        op,
        status: 'skipped',
        reason: `the case also uses ${lacking.join(', ')}`,
        milliseconds: 0,
      };
    }
    const { bench } = this;
    const before = bench.engine.memory();
    return this.#measure(id, op, async () => {
      try {
        await run(bench);
      } finally {
        bench.release();
        // A failure that the case has reported must not be the next one's.
        await bench.engine.sync().catch(() => undefined);
      }
      await bench.guard.verify();
      this.#requireSame(before);
    });
  }

  async #measure(id: string, op: OpName, run: () => void | Promise<void>): Promise<CaseResult> {
    const started = performance.now();
    const result = (status: CaseResult['status'], reason?: string): CaseResult => {
      const milliseconds = performance.now() - started;
      return { id, op, status, milliseconds, ...(reason !== undefined && { reason }) };
    };
    try {
      await run();
      return result('passed');
    } catch (error) {
      if (error instanceof Skip) return result('skipped', error.message);
      const message = error instanceof Error ? error.message : String(error);
      return result('failed', SsError.is(error) ? `${error.code}: ${message}` : message);
    }
  }

  #requireSame(before: MemoryInfo): void {
    const after = this.bench.engine.memory();
    for (const what of ['liveBuffers', 'liveBytes'] as const) {
      if (after[what] !== before[what]) {
        throw new Error(`${what} were ${before[what]} before the case and are ${after[what]} after it.`);
      }
    }
  }

  /** Lets timers, signals and pages have their turn. */
  async #yield(): Promise<void> {
    if (performance.now() - this.#yieldedAt < 50) return;
    await new Promise((resolve) => setTimeout(resolve));
    this.#yieldedAt = performance.now();
  }
}
