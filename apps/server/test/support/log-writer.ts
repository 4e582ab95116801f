/** Logs lines of 200 bytes, as many as the first argument says, and tells on standard output when all are given. */
import { LogDestination } from '../../src/log-destination.ts';
import { createLoggers } from '../../src/logger.ts';

const [lines = '0', end = ''] = process.argv.slice(2);
const log = new LogDestination();
const { http: logger } = createLoggers('info', log);
for (let number = 0; number < Number(lines); number++) logger.info({ number, filler: 'x'.repeat(100) }, 'line');
console.log(log.dropped);
if (end === 'throw') throw new Error('on purpose');
if (end === 'error') {
  logger.error('urgent');
  // Killed before anything else happens.
  setInterval(() => {}, 1000);
}
if (end === 'go on') process.stdin.once('data', () => setTimeout(() => logger.info('again'), 10));
