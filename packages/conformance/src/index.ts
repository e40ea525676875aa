export { describeConformance } from './describe.ts';
export type { TestRunner } from './describe.ts';
export type { KnownDeviation } from './known.ts';
export { formatReport } from './report.ts';
export type { CaseResult, CaseStatus, ConformanceReport, OpCounts, SkippedCases, Tier } from './report.ts';
export { runConformance } from './run.ts';
export type { ConformanceOptions } from './run.ts';
export type { Subject } from './session.ts';
