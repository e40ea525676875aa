import { failure } from '../errors.ts';
import type { ModelConfig } from '../model-config.ts';
import type { ModelWarning } from '../warning.ts';
import { isFalconMamba } from './family.ts';
import { isObject } from './json.ts';
import type { JsonObject } from './json.ts';

/** Where config files claim what tensors prove. */
const claims: Readonly<
  Record<'dModel' | 'dInner' | 'dState' | 'dConv' | 'dtRank' | 'layers', readonly string[]>
> = {
  dModel: ['hidden_size', 'd_model'],
  dInner: ['intermediate_size', 'd_inner'],
  dState: ['state_size', 'd_state'],
  dConv: ['conv_kernel', 'd_conv'],
  dtRank: ['time_step_rank', 'dt_rank'],
  layers: ['num_hidden_layers', 'n_layer'],
};

/** A config file of either naming, with the `ssm_cfg` of the original package laid open. */
export function flatConfig(config: JsonObject): JsonObject {
  const inner = config['ssm_cfg'];
  return isObject(inner) ? { ...config, ...inner } : config;
}

/** What only the config knows. @throws SsError `config-invalid`, `model-unsupported` */
export function normEpsilon(config: JsonObject): number {
  if (config['rms_norm'] === false) {
    throw failure(
      'model-unsupported',
      'This model normalises with LayerNorm (its config says rms_norm: false); only RMSNorm is supported.',
    );
  }
  const act = config['hidden_act'];
  if (act !== undefined && act !== 'silu' && act !== 'swish') {
    throw failure(
      'model-unsupported',
      `This model activates with ${JSON.stringify(act)}; only silu is supported.`,
    );
  }
  const value = config['layer_norm_epsilon'] ?? config['rms_norm_eps'] ?? config['norm_epsilon'] ?? 1e-5;
  return epsilon("The norm's epsilon", value);
}

/** Of the norms of dt, B and C in Falcon-Mamba. @throws SsError `config-invalid` */
export function selectionNormEpsilon(config: JsonObject): number | undefined {
  if (!isFalconMamba(config)) return undefined;
  return epsilon('mixer_rms_eps', config['mixer_rms_eps'] ?? 1e-6);
}

function epsilon(what: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) {
    throw failure('config-invalid', `${what} is ${JSON.stringify(value)} where a positive number is wanted.`);
  }
  return value;
}

/** Claims of the config that the tensors contradict; the tensors are right. */
export function disagreements(config: JsonObject, actual: ModelConfig): ModelWarning[] {
  const warnings: ModelWarning[] = [];
  const check = (field: string, claimed: unknown, right: boolean, proven: unknown): void => {
    if (claimed === undefined || claimed === null || right) return;
    warnings.push({
      code: 'config-disagrees',
      message: `The config says ${field} ${JSON.stringify(claimed)}; the tensors say ${JSON.stringify(proven)}, which is used.`,
      details: { field, config: claimed, tensors: proven },
    });
  };
  for (const [key, names] of Object.entries(claims) as [keyof typeof claims, readonly string[]][]) {
    for (const name of names) {
      const claimed = config[name];
      check(name, claimed, claimed === actual[key] || (key === 'dtRank' && claimed === 'auto'), actual[key]);
    }
  }
  const hasInner = claims.dInner.some((name) => name in config);
  const expand = config['expand'];
  if (!hasInner)
    check('expand', expand, expand === actual.dInner / actual.dModel, actual.dInner / actual.dModel);
  const vocabulary = config['vocab_size'];
  check('vocab_size', vocabulary, typeof vocabulary === 'number' && vocabulary <= actual.rows, actual.rows);
  check('use_bias', config['use_bias'], config['use_bias'] === actual.bias, actual.bias);
  check(
    'use_conv_bias',
    config['use_conv_bias'],
    config['use_conv_bias'] === actual.convBias,
    actual.convBias,
  );
  const tie = config['tie_word_embeddings'] ?? config['tie_embeddings'];
  check('tie_word_embeddings', tie, tie === actual.tied, actual.tied);
  return warnings;
}

/** Ids that end a text: of the first file that says. */
export function eosIdsOf(...files: readonly (JsonObject | undefined)[]): readonly number[] | undefined {
  for (const file of files) {
    const ids = [file?.['eos_token_id'] ?? []].flat() as unknown[];
    const valid = ids.filter((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0);
    if (valid.length > 0) return valid;
  }
  return undefined;
}
