/**
 * A child that must not outlive the server, however the server ends. Between the two stands a shell that waits for the
 * end of its standard input: the kernel closes that pipe when the server dies, by SIGKILL too, and the shell then sends
 * the child SIGINT (to PostgreSQL: fast shutdown). A shell and `cat` because they cost 1 MB, where another Node would
 * cost 40.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Account } from './account.ts';

/** Nothing is put into this text; the command comes as arguments. File descriptor 3 is the pipe from the server. */
const script = `
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -INT "$child"; } 2>/dev/null &
watch=$!
exec 3<&-
wait "$child"
code=$?
kill "$watch" 2>/dev/null
exit "$code"`;

/**
 * Starts `command`. Ending the result's stdin asks it to stop; its exit code is the command's. It has its own session,
 * so that a Ctrl-C meant for the server does not reach it.
 */
export function supervisedSpawn(command: readonly string[], cwd: string, account: Account | null): ChildProcess {
  return spawn('/bin/sh', ['-c', script, 'sh', ...command], {
    cwd,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(account && { uid: account.uid, gid: account.gid }),
  });
}
