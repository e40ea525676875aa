import type { Decision } from '@ss/core';
import type { ModelWarning } from './warning.ts';

/** What `loadModel` tells while it works, in this order. */
export type LoadProgress =
  /** the source is open; headers and configs are read next */
  | { readonly phase: 'source'; readonly source: string }
  /** while a file comes from a hub, or from a URL into a cache: bytes of it that are here */
  | { readonly phase: 'download'; readonly file: string; readonly bytes: number; readonly total: number }
  /** something to know that does not stop loading; also in `model.warnings` */
  | { readonly phase: 'warning'; readonly warning: ModelWarning }
  /** where the weights will go; `decision.summary` says why in one line */
  | { readonly phase: 'backend'; readonly backend: string; readonly decision: Decision | undefined }
  /** after every tensor: bytes read so far, of the total */
  | { readonly phase: 'weights'; readonly tensor: string; readonly bytes: number; readonly total: number }
  | { readonly phase: 'ready'; readonly milliseconds: number };
