// Runs a TypeScript entry, or a package's binary with --bin, on the Node that package.json pins, installing
// dependencies first when they are missing or stale. Plain JavaScript for old Nodes: the machine's own may be 18.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bin = path.join(root, 'node_modules', '.bin');
const installed = path.join(root, 'node_modules', '.package-lock.json');
const lock = path.join(root, 'package-lock.json');

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  process.stderr.write('Installing dependencies (once)...\n');
  // Not `npm ci`: it refuses a lockfile without the builds of other platforms that a registry does not have yet.
  const result = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

const args = process.argv.slice(2);
// V8's space for new objects would grow by 65 MB more, once and with any traffic.
const entry =
  args[0] === '--bin'
    ? [path.join(bin, args[1]), ...args.slice(2)]
    : ['--max-semi-space-size=16', path.resolve(root, args[0]), ...args.slice(1)];
const node = path.join(bin, process.platform === 'win32' ? 'node.cmd' : 'node');
const child = spawn(node, entry, {
  stdio: 'inherit',
  env: { ...process.env, PATH: bin + path.delimiter + process.env.PATH },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
