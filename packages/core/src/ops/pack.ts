import type { TensorSpec } from '../backend.ts';
import { floatDTypes } from '../dtype.ts';
import { SsError } from '../errors.ts';
import { Checker, dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { completeOptions } from './option.ts';
import type { OptionDefinition } from './option.ts';
import { exactTolerance } from './tolerance.ts';

const stored: readonly unknown[] = [...floatDTypes, 'i8'];
const as: OptionDefinition = {
  wanted: 'a floating-point dtype or i8',
  accepts: (value) => stored.includes(value),
};

/** Internal: fills a backend's packed form of a weight. The engine supplies the output; see `Backend.packing`. */
export const pack: OpDefinition = {
  name: 'pack',
  required: ['weight'],
  optional: [],
  options: { as },
  infer() {
    throw new SsError('argument-invalid', 'pack is made by engine.pack(), which knows the format.');
  },
  tolerance: exactTolerance,
  example: (dtype, shape) => ({ inputs: { weight: dense(dtype, shape) }, options: { as: dtype } }),
};

/** @returns sizes M and K of a weight that can be packed. @throws SsError */
export function checkWeight(weight: TensorSpec, asked: unknown): Readonly<Record<string, number>> {
  const check = new Checker('pack', { weight });
  completeOptions('pack', { as }, { as: asked });
  if (weight.format !== undefined) {
    throw check.error('argument-invalid', `weight is packed already (${weight.format}).`);
  }
  check.shape('weight', ['M', 'K']);
  check.float('weight');
  check.positive('M', 'K');
  return check.sizes;
}
