/** What `webgpu-scan` answers in a worker of the page. */
export async function run(): Promise<unknown> {
  const worker = new Worker(new URL('./webgpu-worker.ts', import.meta.url), { type: 'module' });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    });
  } finally {
    worker.terminate();
  }
}
