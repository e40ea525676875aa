import { refuseDTypes } from '@ss/core';
import type { AllowedDTypes, DType, OpCall, Refusal } from '@ss/core';

export const narrowFloats: readonly DType[] = ['f32', 'f16', 'bf16'];

/** Refuses a call with a dtype that its kernel does not take. */
export function unsupported(call: OpCall, allowed: AllowedDTypes): Refusal | undefined {
  return refuseDTypes('webgpu', call, allowed);
}
