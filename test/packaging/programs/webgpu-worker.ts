import { run } from './webgpu-scan.ts';

run().then(postMessage, (error) => postMessage(String(error)));
