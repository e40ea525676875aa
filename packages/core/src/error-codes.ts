/** Every code core can raise. The sentence is the first line of its entry in `docs/errors.md`. */
export const coreErrors = {
  'argument-unknown': 'A call was given an argument or an option that it does not have.',
  'argument-invalid': 'An argument has a value the call cannot mean anything by.',
  'argument-missing': 'A required tensor was not given.',
  'shape-mismatch': 'A tensor has a shape that does not fit the others.',
  'dtype-unsupported': 'A tensor has a dtype the op does not define.',
  'stride-invalid': 'A view reaches outside its buffer, or cannot be expressed with strides.',
  'group-mismatch': 'The number of groups does not divide the number of channels.',
  'size-exceeded': 'A tensor has more elements than can be indexed safely.',
  'tensor-disposed': 'A tensor was used after it was freed.',
  'tensor-foreign': 'A tensor belongs to another engine.',
  'tensor-packed': 'A packed weight was used as a plain tensor.',
  'state-required': 'An op that writes in place was given a tensor that did not come from engine.state().',
  'op-unsupported': 'No backend that the policy allows can run this call.',
  'backend-unavailable': 'No backend satisfies the request.',
  'backend-invalid': 'A backend does not keep the contract.',
  'backend-version': 'A backend was written for another version of the contract.',
  'backend-duplicate': 'Two different backends were registered under one id.',
  'program-unprepared':
    'A program was used before it was ready: prepared to be run, run to be read; or after dispose().',
  'program-input': 'A program was run with inputs that do not match its recording.',
  'recording-invalid': 'A call that cannot be recorded was made while recording.',
  'engine-disposed': 'The engine was used after it was disposed.',
  'out-of-memory': 'A device could not allocate what was asked for.',
  'device-lost': 'The device went away; its tensors are gone with it.',
  'execution-failed': 'An enqueued op failed while it ran.',
  aborted: 'The caller aborted the work through its signal.',
  'environment-invalid': 'An SS_* environment variable has a value that is not understood.',
} as const;

export type CoreErrorCode = keyof typeof coreErrors;
