import { SsError } from '@ss/core';
import type { PeerName } from './peer.ts';

/** What to say when a peer is not installed: nothing depends on one, so this is the normal case. */
export function missingPeer(name: PeerName, why: string, cause?: unknown): SsError<'peer-missing'> {
  return new SsError('peer-missing', `The peer ${name} cannot run: ${why}.`, {
    hint: `${setupCommand(name)} installs it.`,
    details: { peer: name },
    cause,
  });
}

/** @param stderr what the peer said itself */
export function peerFailure(what: string, stderr: string): SsError<'peer-failed'> {
  return new SsError('peer-failed', `${what}.`, { details: { stderr } });
}

export function setupCommand(name: PeerName): string {
  return `node tools/peers/setup.ts ${name}`;
}
