/** What other programs call things: transformers, llama.cpp, mamba_ssm. Each with our names for it, likeliest first. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  maxnewtokens: ['maxTokens'],
  maxlength: ['maxTokens'],
  npredict: ['maxTokens'],
  numpredict: ['maxTokens'],
  temp: ['temperature'],
  dosample: ['temperature'],
  repeatpenalty: ['repetitionPenalty'],
  repeatlastn: ['repetitionWindow'],
  stopstrings: ['stop'],
  stopsequences: ['stop'],
  stopwords: ['stop'],
  eostokenid: ['stopIds', 'eosIds'],
  eosid: ['stopIds', 'eosIds'],
  stoptokenids: ['stopIds'],
  randomseed: ['seed'],
  abortsignal: ['signal'],
  session: ['state'],
  cache: ['state'],
  pastkeyvalues: ['state'],
  batchsize: ['chunk'],
  nbatch: ['chunk'],
  progresscallback: ['onProgress'],
  device: ['backend', 'require'],
  provider: ['backend', 'require'],
  backend: ['require', 'prefer'],
  id: ['require'],
  dtype: ['weights'],
  torchdtype: ['weights'],
  quantization: ['weights'],
  precision: ['weights'],
  nthreads: ['threads'],
  numthreads: ['threads'],
  cores: ['threads'],
  usethreads: ['threads'],
  cachedir: ['cacheDir', 'hub'],
  revision: ['hub'],
  hftoken: ['token', 'hub'],
  useauthtoken: ['token', 'hub'],
  token: ['hub'],
  offline: ['hub'],
  localfilesonly: ['offline', 'hub'],
  deltasoftplus: ['softplus'],
  dtsoftplus: ['softplus'],
  dtbias: ['deltaBias'],
  deltabias: ['dtBias'],
  dt: ['delta'],
  delta: ['dt'],
  returnlaststate: ['finalState'],
  returnfinalstates: ['finalState'],
  initialstates: ['initialState'],
  epsilon: ['eps', 'normEps'],
  nlayer: ['layers'],
  numhiddenlayers: ['layers'],
  vocabsize: ['vocabulary'],
  hiddensize: ['dModel'],
  statesize: ['dState'],
  convkernel: ['dConv'],
  timesteprank: ['dtRank'],
};

/** The name among `known` that was probably meant by one that is not: another spelling, another program's, a slip. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = plainly(name);
  const alias = Object.hasOwn(aliases, plain) ? aliases[plain]! : [];
  const same = known.find((each) => plainly(each) === plain) ?? alias.find((each) => known.includes(each));
  if (same !== undefined) return same;
  const distances = known.map((each) => ({ each, distance: editDistance(plain, plainly(each)) }));
  const best = distances.toSorted((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(1, Math.floor(plain.length / 3)) ? best.each : undefined;
}

function plainly(name: string): string {
  return name.replaceAll(/[-_]/g, '').toLowerCase();
}

/** Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a` (Damerau 1964, restricted). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, changed);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
