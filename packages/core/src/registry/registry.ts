import { backendApiVersion } from '../backend.ts';
import type { Backend, BackendRegistration, Blocker, OpCall, Probe } from '../backend.ts';
import type { Engine } from '../engine/engine.ts';
import { readEnvironment } from '../environment.ts';
import { SsError, abortedError, throwIfAborted } from '../errors.ts';
import { checkOptions, showValue } from '../options.ts';
import { printsItself } from '../prints-itself.ts';
import { show } from '../shape.ts';
import { logTrace, trace, tracing } from '../trace.ts';
import { Decision } from './decision.ts';
import type { Candidate, CandidateStatus } from './decision.ts';
import { installed, knownBackends } from './discover.ts';
import { describeDevice, lacking, question, unavailable } from './reasons.ts';
import { reference } from './reference.ts';
import { explainOptions, selectOptions } from './request.ts';
import type { ExplainQuery, SelectRequest } from './request.ts';

interface Entry {
  readonly registration: BackendRegistration;
  probe?: Probe | undefined;
  /** The latest loaded backend, or why loading failed. */
  backend?: Backend | undefined;
  failure?: Blocker | undefined;
  /** What was thrown when loading failed. */
  cause?: unknown;
}

function priorityOf({ registration, probe }: Entry): number {
  return (probe?.available ? probe.priority : undefined) ?? registration.priority;
}

type EngineModule = typeof import('../engine/index.ts');

/** The backends a program may use, which of them it gets, and why. */
export class BackendRegistry {
  /** Comes with the first backend: a page that only asks what there is needs neither. */
  #engine: EngineModule | undefined;
  readonly #entries = new Map<string, Entry>();

  static {
    printsItself(this, 'BackendRegistry');
  }

  toString(): string {
    return this.ids.join(', ');
  }

  /** @throws SsError `backend-version`, `backend-duplicate` */
  register(registration: BackendRegistration): this {
    requireRegistration(registration);
    const { id, apiVersion } = registration;
    if (apiVersion !== backendApiVersion) {
      throw new SsError(
        'backend-version',
        `Backend ${id} is written for version ${apiVersion} of the backend contract; this @ss/core has version ${backendApiVersion}.`,
        {
          hint: 'Install versions of @ss/core and the backend that belong together.',
          details: { id, apiVersion, backendApiVersion },
        },
      );
    }
    const existing = this.#entries.get(id);
    if (existing && existing.registration !== registration) {
      throw new SsError('backend-duplicate', `A backend with the id ${id} is registered already.`, {
        details: { id },
      });
    }
    this.#entries.set(id, existing ?? { registration });
    return this;
  }

  get ids(): readonly string[] {
    return this.#ordered({}).map(({ registration }) => registration.id);
  }

  /**
   * Loads the best backend that the request allows and makes an engine of it.
   * @throws SsError `backend-unavailable` with every candidate's reasons, `aborted`
   */
  async select(request: SelectRequest = {}): Promise<Engine> {
    checkOptions('select()', request, selectOptions);
    const environment = readEnvironment();
    reportUnknown(environment.unknown);
    const require = request.require ?? environment.backend;
    const { prefer, exclude, ops } = request;
    // Copies: between one backend and the next the caller may have changed its lists.
    const wanted: SelectRequest = {
      ...request,
      prefer: typeof prefer === 'string' ? prefer : prefer && [...prefer],
      exclude: exclude && [...exclude],
      ops: ops && [...ops],
      require,
      fallback: request.fallback ?? (require === undefined ? 'backend' : 'none'),
    };
    const loaded: Backend[] = [];
    const statuses = new Map<string, CandidateStatus>();
    const missing = new Map<string, Blocker>();
    let tried = false;
    try {
      let waiting = this.#ordered(wanted);
      while (waiting.length > 0) {
        const [entry, ...others] = waiting as [Entry, ...Entry[]];
        const { id } = entry.registration;
        waiting = others;
        throwIfAborted(request.signal, 'choosing a backend');
        if (this.#excluded(id, wanted)) statuses.set(id, 'excluded');
        else if (loaded.length > 0 && wanted.fallback !== 'op') statuses.set(id, 'outranked');
        else if (tried && wanted.fallback === 'none') statuses.set(id, 'excluded');
        else {
          await this.#probe(entry);
          throwIfAborted(request.signal, `loading ${id}`);
          const ordered = this.#ordered(wanted).filter((other) => waiting.includes(other) || other === entry);
          if (ordered[0] !== entry) {
            // What was found is worth less than what comes after it.
            waiting = ordered;
            continue;
          }
          tried = true;
          const backend = await this.#load(entry, request.signal);
          const needed = wanted.ops ?? this.#engine?.inferenceOps ?? [];
          const missingHere =
            backend && wanted.fallback === 'backend' ? this.#engine!.missingOps(backend, needed) : [];
          const lacks = lacking(missingHere);
          if (lacks) {
            missing.set(id, lacks);
            await backend!.dispose();
          }
          if (backend && !lacks) loaded.push(backend);
          statuses.set(id, !backend || lacks ? 'blocked' : loaded.length === 1 ? 'chosen' : 'fallback');
        }
      }
      const decision = this.#decision(
        question(wanted),
        wanted,
        (entry) => statuses.get(entry.registration.id)!,
        missing,
      );
      if (environment.log !== 'silent') console.error(String(decision));
      if (environment.log === 'trace') logTrace();
      const [chosen, ...fallbacks] = loaded;
      if (chosen === undefined) {
        const causes = [...this.#entries].flatMap(([id, { cause }]) =>
          statuses.get(id) === 'blocked' && cause !== undefined ? [cause] : [],
        );
        throw unavailable(decision, request, environment.backend, this.ids, causes[0]);
      }
      return new this.#engine!.Engine(chosen, { fallbacks, decision });
    } catch (error) {
      for (const backend of loaded) await backend.dispose();
      throw error;
    }
  }

  /** Who would run this, from what is known now; backends never loaded say so. */
  explain(query?: ExplainQuery & { readonly load?: false }): Decision;
  /** Loads what has to be loaded to know. */
  explain(query: ExplainQuery & { readonly load: true }): Promise<Decision>;
  explain(query: ExplainQuery & { readonly load?: boolean } = {}): Decision | Promise<Decision> {
    checkOptions('explain()', query, explainOptions);
    return query.load ? this.#explainLoaded(query) : this.#explain(query);
  }

  async #explainLoaded(query: ExplainQuery): Promise<Decision> {
    const request = { require: readEnvironment().backend };
    for (const entry of this.#entries.values()) {
      if (entry.backend || this.#excluded(entry.registration.id, request)) continue;
      await this.#probe(entry);
      const backend = await this.#load(entry, undefined);
      // Only its answers are wanted; assess() is pure and works on.
      await backend?.dispose();
    }
    return this.#explain(query);
  }

  #explain(query: ExplainQuery): Decision {
    const { op, dtype = 'f32', shape = [1, 64, 16] } = query;
    const call = op && this.#engine?.exampleCall(op, dtype, shape);
    const blocked = new Map<string, Blocker>();
    const request = { require: readEnvironment().backend };
    let chosen = false;
    const asked =
      op === undefined
        ? 'Which backend would be used?'
        : `Which backend would run ${op} on ${dtype} ${show(shape)}?`;
    return this.#decision(
      asked,
      {},
      (entry) => {
        const { id } = entry.registration;
        if (this.#excluded(id, request)) return 'excluded';
        if (entry.failure || entry.probe?.available === false) return 'blocked';
        const assessment = call && entry.backend && this.#engine!.assessByParts(entry.backend, call);
        if (assessment && !assessment.ok) {
          blocked.set(id, assessment.blockers[0]);
          return 'blocked';
        }
        if (!entry.backend && id !== 'reference') return 'not loaded';
        if (chosen) return 'outranked';
        chosen = true;
        return 'chosen';
      },
      blocked,
      call,
    );
  }

  #decision(
    asked: string,
    request: SelectRequest,
    status: (entry: Entry) => CandidateStatus,
    blocked: ReadonlyMap<string, Blocker>,
    call?: OpCall,
  ): Decision {
    return new Decision(
      asked,
      this.#ordered(request).map((entry): Candidate => {
        const { id } = entry.registration;
        const priority = priorityOf(entry);
        const what = status(entry);
        const blocker = blocked.get(id) ?? entry.failure;
        const probed = entry.probe?.available === false ? entry.probe.blockers : [];
        const { parts, ...plan } =
          call && entry.backend && what !== 'blocked'
            ? this.#engine!.assessByParts(entry.backend, call)
            : { ok: false as const };
        return {
          id,
          priority,
          status: what,
          blockers: what !== 'blocked' ? [] : blocker ? [blocker] : probed,
          notes: [
            ...(entry.backend && (what === 'chosen' || what === 'fallback')
              ? describeDevice(entry.backend)
              : []),
            ...(parts ? [`as ${parts.join(', ')}`] : []),
          ],
          ...(plan.ok && { plan }),
        };
      }),
    );
  }

  async #probe(entry: Entry): Promise<void> {
    entry.failure = entry.cause = entry.probe = undefined;
    try {
      entry.probe = await entry.registration.probe();
    } catch (error) {
      this.#fail(entry, error);
    }
  }

  /** What was probed and is available. */
  async #load(entry: Entry, signal: AbortSignal | undefined): Promise<Backend | undefined> {
    const { id } = entry.registration;
    try {
      if (!entry.probe?.available) return undefined;
      throwIfAborted(signal, `loading ${id}`);
      this.#engine ??= await import('../engine/index.ts');
      const backend = await entry.registration.load({ signal });
      if (signal?.aborted) {
        await backend.dispose();
        throw abortedError(signal, `loading ${id}`);
      }
      if (backend.id !== id || !Array.isArray(backend.ops)) {
        await backend.dispose();
        throw new SsError('backend-invalid', `${id} loaded a backend ${backend.id} with ops ${backend.ops}.`);
      }
      entry.backend = backend;
      if (tracing()) trace({ type: 'backend', backend: id, what: 'loaded' });
      return backend;
    } catch (error) {
      if (signal?.aborted) throw abortedError(signal, `loading ${id}`);
      this.#fail(entry, error);
      return undefined;
    }
  }

  #fail(entry: Entry, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    entry.failure = {
      code: SsError.is(error) ? error.code : 'load-failed',
      message,
      origin: 'environment',
    };
    entry.cause = error;
    if (tracing()) trace({ type: 'backend', backend: entry.registration.id, what: 'failed', message });
  }

  #ordered({ prefer }: SelectRequest): Entry[] {
    const first = typeof prefer === 'string' ? [prefer] : (prefer ?? []);
    const rank = ({ registration: { id } }: Entry): number =>
      first.includes(id) ? first.indexOf(id) : first.length;
    return [...this.#entries.values()].toSorted((a, b) => rank(a) - rank(b) || priorityOf(b) - priorityOf(a));
  }

  #excluded(id: string, { require, exclude, prefer }: SelectRequest): boolean {
    if (require !== undefined && require !== id) return true;
    if (exclude?.includes(id)) return true;
    const named = require === id || prefer === id || (Array.isArray(prefer) && prefer.includes(id));
    return !named && this.#entries.get(id)!.registration.priority < 0;
  }
}

/**
 * A registry of these backends and the reference. Without a list, in Node, of every installed `@ss` backend.
 */
export function createRegistry(registrations?: readonly BackendRegistration[]): BackendRegistry {
  if (registrations !== undefined && !Array.isArray(registrations)) {
    throw new SsError('argument-invalid', `createRegistry() takes a list, not ${showValue(registrations)}.`, {
      hint: 'createRegistry([wasm()]); which of them is used, select() is told: select({ require }).',
    });
  }
  const registry = new BackendRegistry();
  for (const registration of registrations ?? knownBackends.map(installed)) registry.register(registration);
  if (!registry.ids.includes('reference')) registry.register(reference());
  return registry;
}

const shared: unique symbol = Symbol.for('@ss/registry@1') as never;

/** The registry of programs that make none: one a process, even with two copies of core. */
export function defaultRegistry(): BackendRegistry {
  const global = globalThis as { [shared]?: BackendRegistry };
  return (global[shared] ??= createRegistry());
}

function requireRegistration(given: unknown): void {
  const { id, probe, load } = (given ?? {}) as Partial<Record<keyof BackendRegistration, unknown>>;
  if (typeof id === 'string' && typeof probe === 'function' && typeof load === 'function') return;
  throw new SsError('argument-invalid', `A registry takes backends, and ${showValue(given)} is none.`, {
    hint:
      typeof given === 'function' ? 'Call it: wasm().' : 'A backend is what wasm(), cpu() or webgpu() give.',
  });
}

let reported = false;

function reportUnknown(names: readonly string[]): void {
  if (reported || names.length === 0) return;
  reported = true;
  console.warn(`@ss: ${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} set but not known.`);
}
