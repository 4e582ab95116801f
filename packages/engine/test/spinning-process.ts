/** A process whose main thread never comes back from its work; prints its process id. With an argument, starts one first. */
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { leaveWithParent } from '../src/runner/leave-with-parent.ts';

if (process.argv[2] === 'parent') {
  spawn(process.execPath, ['--no-warnings', fileURLToPath(import.meta.url)], { stdio: 'inherit' });
} else {
  leaveWithParent();
  writeSync(1, String(process.pid));
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000_000);
}
