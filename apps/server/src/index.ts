export { createConfig, type Config } from './config/config.ts';
export { childEnvironment, readEnvironment } from './config/environment.ts';
export { startServer, type Server } from './main.ts';
