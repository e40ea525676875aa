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

/** A peer's time counts only for the work that it was asked for, done once. @throws SsError `peer-failed` */
export function requireCount(peer: string, evaluated: number, asked: number): void {
  if (evaluated === asked) return;
  throw new SsError('peer-failed', `${peer} evaluated ${evaluated} tokens where ${asked} were asked for.`, {
    hint: 'Its settings make it work twice; give it a longer context.',
    details: { evaluated, asked },
  });
}

export function setupCommand(name: PeerName): string {
  return `npx --yes pnpm@12 run setup:peers ${name}`;
}
