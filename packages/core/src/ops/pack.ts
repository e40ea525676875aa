import { SsError } from '../errors.ts';
import { dense } from './check.ts';
import type { OpDefinition } from './op.ts';
import { exactTolerance } from './tolerance.ts';

/** Internal: fills a backend's packed form of a weight. The engine supplies the output; see `Backend.packing`. */
export const pack: OpDefinition = {
  name: 'pack',
  required: ['weight'],
  optional: [],
  options: ['use'],
  infer() {
    throw new SsError('argument-invalid', 'pack is made by engine.pack(), which knows the format.');
  },
  tolerance: exactTolerance,
  example: (dtype, shape) => ({ inputs: { weight: dense(dtype, shape) }, options: { use: 'linear' } }),
};
