import { Worker } from 'node:worker_threads';

/** While native code computes or hangs, the main thread does not see its channel close; another one looks for the parent. */
const watchParent = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);
`;

/** Makes sure that this process does not outlive the one that started it, whatever its main thread does. */
export function leaveWithParent(): void {
  new Worker(watchParent, { eval: true, workerData: process.ppid });
}
