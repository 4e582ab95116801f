import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

// Making one takes longer than compiling a schema.
const ajv = new Ajv2020({ strict: false, validateSchema: false });
addFormats.default(ajv);

/** Whether a text is the JSON of a value that is valid for a schema, by another implementation than ours. */
export function isValid(schema: object, text: string): boolean {
  const validate = ajv.compile(schema);
  try {
    return validate(JSON.parse(text)) as boolean;
  } catch {
    return false;
  }
}
