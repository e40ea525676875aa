/* What the programs that drive peers need: the repository's tools/peers, and nobody else. */
export { compareScans } from './compare-scans.ts';
export type { ComparedScan } from './compare-scans.ts';
export { missingPeer, peerFailure, requireCount, setupCommand } from './errors.ts';
export { logSoftmax, ownModel } from './own-model.ts';
export { roomyContext, visibleTokens } from './peer.ts';
export type {
  Limits,
  Manner,
  ModelPeer,
  ModelPeerName,
  ModelRequest,
  ModelRunner,
  PeerName,
  Peers,
  PeerWeights,
  ScanPeer,
} from './peer.ts';
export { outputsOf } from '../op.ts';
export { scanCotangents, scanInputs } from '../../scan-inputs.ts';
