/// <reference lib="esnext.disposable" preserve="true" />

export { backendApiVersion, CallFailure, defineBackend } from './backend.ts';
export type {
  AllocOptions,
  Assessment,
  Backend,
  BackendRegistration,
  Blocker,
  BoundCall,
  Cost,
  DeviceInfo,
  LoadOptions,
  MemoryInfo,
  OpCall,
  Packing,
  Plan,
  PreparedCalls,
  Probe,
  Refusal,
  TensorArg,
  TensorSpec,
  WeightDType,
} from './backend.ts';
export { dtypes, floatDTypes, isDType, isFloat } from './dtype.ts';
export type { DataOf, DType, FloatDType, TensorData } from './dtype.ts';
export { accessor, decode, encode } from './encode.ts';
export type { Accessor } from './encode.ts';
export type { EngineOptions } from './engine/dispatch.ts';
export type { Engine } from './engine/engine.ts';
export type { InputSpec, Program, ProgramInputs } from './engine/program.ts';
export { environmentVariables, readEnvironment } from './environment.ts';
export type { Environment } from './environment.ts';
export type { CoreErrorCode } from './error-codes.ts';
export { abortedError, SsError, throwIfAborted } from './errors.ts';
export type { SsErrorOptions } from './errors.ts';
export { fromBytes, tensor, zeros } from './host.ts';
export { createHostBackend } from './host-backend.ts';
export type { HostBackendOptions, HostKernel } from './host-backend.ts';
export { hasInstalledPackages, resolveInstalled } from './installed.ts';
export { fromBf16, fromF16, toBf16, toF16 } from './narrow-float.ts';
export type { CausalConv1dBackwardArgs, CausalConv1dGradients } from './ops/causal-conv1d-backward.ts';
export type { CausalConv1dArgs, CausalConv1dResult, CausalConv1dUpdateArgs } from './ops/causal-conv1d.ts';
export type { AddArgs, CopyArgs, UnaryArgs } from './ops/elementwise.ts';
export type { EmbeddingArgs } from './ops/embedding.ts';
export type { LinearBackwardArgs, LinearGradients } from './ops/linear-backward.ts';
export type { LinearArgs } from './ops/linear.ts';
export type { CrossEntropyBackwardArgs, EmbeddingBackwardArgs } from './ops/loss-backward.ts';
export type { ArgmaxArgs, CrossEntropyArgs, SampleArgs, SampleOptions, SampleResult } from './ops/logits.ts';
export type { Ops } from './ops/index.ts';
export type {
  Decomposition,
  Gradient,
  GradientOpName,
  Inferred,
  OpDefinition,
  OpName,
  Specs,
  Tolerance,
} from './ops/op.ts';
export type { OptionDefinition, Options, OptionTable } from './ops/option.ts';
export type { RmsNormBackwardArgs, RmsNormGradients } from './ops/rms-norm-backward.ts';
export type { RmsNormArgs, RmsNormResult } from './ops/rms-norm.ts';
export type { SelectiveScanBackwardArgs, SelectiveScanGradients } from './ops/selective-scan-backward.ts';
export type { SelectiveScanArgs, SelectiveScanResult, StateDType } from './ops/selective-scan.ts';
export type { SelectiveStateUpdateArgs } from './ops/selective-state-update.ts';
export { Decision } from './registry/decision.ts';
export type { Candidate, CandidateStatus } from './registry/decision.ts';
export { reference } from './registry/reference.ts';
export { BackendRegistry, createRegistry, defaultRegistry } from './registry/registry.ts';
export type { ExplainQuery, SelectRequest } from './registry/request.ts';
export { scope } from './scope.ts';
export { nearestName } from './known-names.ts';
export type { KnownNames } from './known-names.ts';
export { checkOptions, showValue } from './options.ts';
export type { OptionNames } from './options.ts';
export { checkThreads, maxThreads } from './threads.ts';
export type { NestedNumbers, Values } from './values.ts';
export { printsItself } from './prints-itself.ts';
export { refuse, refuseDTypes } from './refusal.ts';
export type { AllowedDTypes } from './refusal.ts';
export {
  axisPieces,
  commonAxes,
  denseStrides,
  elementCount,
  elementSpan,
  forEachPosition,
  isContiguous,
  rowStride,
} from './shape.ts';
export type { AxisPiece, Layout, Shape } from './shape.ts';
export { Tensor } from './tensor.ts';
export type { Computed, DTypeOf, FloatOf, FloatTensor, WideOf } from './tensor.ts';
export { onTrace, performanceTrack, trace, tracing } from './trace.ts';
export type { TraceEvent, TraceListener } from './trace.ts';
