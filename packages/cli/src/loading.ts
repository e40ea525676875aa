import type { LoadProgress } from '@ss/mamba';
import type { Work } from './work.ts';

const barWidth = 30;

/** Shows a model being loaded on standard error: a bar on a terminal, one line otherwise. */
export function showLoading(work: Work): (event: LoadProgress) => void {
  const bar = process.stderr.isTTY && !work.quiet;
  let bytes = 0;
  return (event) => {
    if (event.phase === 'warning') work.note(`warning: ${event.warning.message}`);
    if (event.phase === 'weights') {
      bytes = event.total;
      const share = event.bytes / event.total;
      if (bar)
        process.stderr.write(
          `\rloading ${drawBar(share)} ${(100 * share).toFixed(0)} %${share === 1 ? '\n' : ''}`,
        );
    }
    if (event.phase === 'ready')
      work.note(`loaded ${(bytes / 1e6).toFixed(1)} MB in ${(event.milliseconds / 1000).toFixed(2)} s`);
  };
}

function drawBar(share: number): string {
  const full = Math.round(share * barWidth);
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`;
}
