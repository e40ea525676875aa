import { failure } from '../errors.ts';
import type { JsonObject } from './json.ts';

interface Sign {
  readonly family: string;
  /** A tensor that only this family has. */
  readonly tensor?: RegExp;
  /** What its config says of itself. */
  readonly modelType?: RegExp;
}

/** How the relatives of Mamba-1 are told from it, the most particular first. */
const relatives: readonly Sign[] = [
  { family: 'Mamba-3', tensor: /\.mixer\.[BC]_bias$/ },
  { family: 'Mamba-2', tensor: /\.mixer\.dt_bias$/, modelType: /^mamba2$/ },
  { family: 'Jamba', tensor: /\.mamba\.(A_log|x_proj)/, modelType: /^jamba$/ },
  { family: 'attention', tensor: /(^|\.)(self_attn|attention|attn|q_proj|qkv_proj|Wqkv)\./ },
];

const own = /^layers\.\d+\.mixer\.x_proj\.weight$/;

/**
 * Whether dt, B and C are normalised, which adds no tensor: the config alone tells. An early export calls itself
 * `mamba`, but has the epsilon.
 */
export function isFalconMamba(config: JsonObject): boolean {
  return (
    config['model_type'] === 'falcon_mamba' ||
    [config['architectures'] ?? []].flat().includes('FalconMambaForCausalLM') ||
    'mixer_rms_eps' in config
  );
}

/** @throws SsError `model-unsupported` with the family it belongs to, if that can be told */
export function requireMamba1(names: Iterable<string>, config: JsonObject): void {
  const all = [...names];
  for (const { family, tensor, modelType } of relatives) {
    const name = tensor && all.find((name) => tensor.test(name));
    const type = typeof config['model_type'] === 'string' ? config['model_type'] : '';
    const because =
      name !== undefined
        ? `it has the tensor ${name}`
        : modelType?.test(type)
          ? `its config says ${type}`
          : undefined;
    if (because === undefined) continue;
    const what = family === 'attention' ? 'This model has attention layers' : `This is a ${family} model`;
    throw failure('model-unsupported', `${what} (${because}); only Mamba-1 and Falcon-Mamba are supported.`, {
      details: { family, because },
    });
  }
  if (all.some((name) => own.test(name))) return;
  const some = all.slice(0, 3).join(', ');
  throw failure(
    'model-unsupported',
    `No layer of this checkpoint is a Mamba-1 block; its tensors are ${some}${all.length > 3 ? ', ...' : ''}.`,
    {
      details: { tensors: all.slice(0, 20) },
    },
  );
}
