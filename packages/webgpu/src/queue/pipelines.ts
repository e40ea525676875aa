import { computeStage } from '../flags.ts';
import type { Page } from '../memory/pages.ts';
import type { Binding, Lowered } from '../shader/lower.ts';

/** Bytes of a parameter block that a binding sees; blocks start at multiples of the largest alignment there is. */
export const parameterBytes = 512;

/** Pipelines by their text, layouts by which pages are written, bind groups by the pages: each made once for a device. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #layouts = new Map<
    string,
    { readonly group: GPUBindGroupLayout; readonly pipeline: GPUPipelineLayout }
  >();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #compiling = new Map<string, Promise<GPUComputePipeline>>();
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #uniforms = new Map<GPUBuffer, number>();
  #next = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** How many different kernels have been compiled. */
  get size(): number {
    return this.#pipelines.size;
  }

  /** Compiled now, if it has not been. */
  get(lowered: Lowered): GPUComputePipeline {
    const ready = this.#pipelines.get(lowered.key);
    if (ready) return ready;
    const pipeline = this.#device.createComputePipeline(this.#descriptor(lowered));
    this.#pipelines.set(lowered.key, pipeline);
    return pipeline;
  }

  /** Compiled without blocking. */
  compile(lowered: Lowered): Promise<GPUComputePipeline> {
    const { key } = lowered;
    const ready = this.#pipelines.get(key);
    if (ready) return Promise.resolve(ready);
    let compiling = this.#compiling.get(key);
    if (!compiling) {
      compiling = this.#device
        .createComputePipelineAsync(this.#descriptor(lowered))
        .then((pipeline) => {
          this.#pipelines.set(key, pipeline);
          return pipeline;
        })
        .finally(() => this.#compiling.delete(key));
      this.#compiling.set(key, compiling);
    }
    return compiling;
  }

  /** The bindings of these pages, with the parameters at a dynamic offset of `uniform`. */
  group(uniform: GPUBuffer, bindings: readonly Binding[]): GPUBindGroup {
    let id = this.#uniforms.get(uniform);
    if (id === undefined) this.#uniforms.set(uniform, (id = this.#next++));
    const key = `${id}:${bindings.map(({ page }) => page.id).join()}:${accessOf(bindings)}`;
    let group = this.#groups.get(key);
    if (!group) {
      group = this.#device.createBindGroup({
        layout: this.#layout(bindings).group,
        entries: [
          { binding: 0, resource: { buffer: uniform, size: parameterBytes } },
          ...bindings.map(({ page: { buffer } }, slot) => ({ binding: slot + 1, resource: { buffer } })),
        ],
      });
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Drops what refers to a page that is no more. */
  forgetPage({ id }: Page): void {
    for (const key of this.#groups.keys()) {
      if (key.split(':')[1]!.split(',').includes(String(id))) this.#groups.delete(key);
    }
  }

  /** Drops what refers to a uniform buffer that is no more. */
  forgetUniform(uniform: GPUBuffer): void {
    const id = this.#uniforms.get(uniform);
    this.#uniforms.delete(uniform);
    for (const key of this.#groups.keys()) if (key.startsWith(`${id}:`)) this.#groups.delete(key);
  }

  #descriptor({ key, name, code, bindings }: Lowered): GPUComputePipelineDescriptor {
    const module = this.#device.createShaderModule({ label: key, code: code() });
    return {
      label: name,
      layout: this.#layout(bindings).pipeline,
      compute: { module, entryPoint: 'main' },
    };
  }

  #layout(bindings: readonly Binding[]): {
    readonly group: GPUBindGroupLayout;
    readonly pipeline: GPUPipelineLayout;
  } {
    const access = accessOf(bindings);
    const ready = this.#layouts.get(access);
    if (ready) return ready;
    const group = this.#device.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: computeStage,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes },
        },
        ...bindings.map(({ written }, slot) => ({
          binding: slot + 1,
          visibility: computeStage,
          buffer: { type: written ? ('storage' as const) : ('read-only-storage' as const) },
        })),
      ],
    });
    const pipeline = this.#device.createPipelineLayout({ bindGroupLayouts: [group] });
    const layout = { group, pipeline };
    this.#layouts.set(access, layout);
    return layout;
  }
}

/** A letter for each binding: written, or only read. */
function accessOf(bindings: readonly Binding[]): string {
  return bindings.map(({ written }) => (written ? 'w' : 'r')).join('');
}
