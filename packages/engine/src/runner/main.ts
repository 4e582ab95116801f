/**
 * The runner: a process that has one base model loaded and generates with it. It is started by an engine and talks to it
 * over file descriptor 3; when that closes, because the engine wants it to or is gone, the runner leaves. A fault of
 * native code ends this process and nothing else.
 */
import { Socket } from 'node:net';
import { JsonChannel } from '../json-channel.ts';
import { maxCommandBytes, maxReportBytes } from '../limits.ts';
import { commandSchema, type Command, type Report } from '../protocol.ts';
import { watchGrammars } from './grammar-watch.ts';
import { leaveWithParent } from './leave-with-parent.ts';
import { log } from './log.ts';
import { Runner } from './runner.ts';

leaveWithParent();
watchGrammars();

let runner: Runner | undefined;
const channel = new JsonChannel<Command, Report>(new Socket({ fd: 3, readable: true, writable: true }), {
  incoming: commandSchema,
  maxIncomingBytes: maxCommandBytes,
  maxOutgoingBytes: maxReportBytes,
  onMessage(command) {
    if (command.type === 'load') runner ??= Runner.load(command, channel);
    else runner?.handle(command);
  },
  onClose(error) {
    if (error) log(error);
    process.exit(error ? 1 : 0);
  },
});
