export { embedding } from './embedding';
export { linear, LINEAR_ROWS } from './linear';
export { pack, PACK_NOT_FINITE, PANEL } from './panel';
export { selectiveScan, SCAN_BLOCK, SCAN_UNIT } from './scan';
