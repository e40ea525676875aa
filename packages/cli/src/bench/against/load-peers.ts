import { existsSync } from 'node:fs';
import { SsError } from '@ss/core';
import type { Peers } from './peer.ts';

/** The programs that drive the peers belong to the repository, not to the package: nobody else needs them. */
const place = new URL('../../../../../tools/peers/index.ts', import.meta.url);

/** @throws SsError `peer-missing` outside the repository */
export async function loadPeers(): Promise<Peers> {
  if (!existsSync(place)) {
    throw new SsError(
      'peer-missing',
      'The programs that drive the peers are in the repository and not in @ss/cli.',
      { hint: 'Run ss in a clone of it to use --against.' },
    );
  }
  const { peers } = (await import(place.href)) as { readonly peers: Peers };
  return peers;
}
