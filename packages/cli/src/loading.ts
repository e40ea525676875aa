import type { LoadProgress } from '@ss/mamba';
import type { Work } from './work.ts';

const barWidth = 30;

/** Shows a model being fetched and loaded on standard error: bars on a terminal, one line at the end otherwise. */
export function showLoading(work: Work): (event: LoadProgress) => void {
  const bars = work.notes.isTerminal && !work.quiet;
  let weightBytes = 0;
  const show = (what: string, bytes: number, total: number): void => {
    if (!bars) return;
    const share = bytes / total;
    const percent = (100 * share).toFixed(0).padStart(3);
    void work.notes.write(`\r${what} ${drawBar(share)} ${percent} %${bytes === total ? '\n' : ''}`);
  };
  return (event) => {
    if (event.phase === 'warning') work.note(`warning: ${event.warning.message}`);
    if (event.phase === 'download') show(event.file, event.bytes, event.total);
    if (event.phase === 'weights') {
      weightBytes = event.total;
      show('loading', event.bytes, event.total);
    }
    if (event.phase === 'ready') {
      const seconds = (event.milliseconds / 1000).toFixed(2);
      work.note(`loaded ${(weightBytes / 1e6).toFixed(1)} MB in ${seconds} s`);
    }
  };
}

function drawBar(share: number): string {
  const full = Math.round(share * barWidth);
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`;
}
