import { fileURLToPath } from 'node:url';

/** Where the models that ship are; each is a GGUF file named after it. */
export const modelsDirectory = fileURLToPath(new URL('../models/', import.meta.url));

/** The model that everything is shown with. */
export const starterModelPath = fileURLToPath(new URL('../models/starter.gguf', import.meta.url));
