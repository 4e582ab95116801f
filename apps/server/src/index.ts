export { createConfig, type Config } from './config/config.ts';
export { readEnvironment } from './config/environment.ts';
export { startServer, type Server } from './main.ts';
