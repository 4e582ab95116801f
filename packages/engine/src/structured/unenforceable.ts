/** A keyword of a schema that no grammar can enforce; its place is added by whoever reads the schema. */
export class Unenforceable extends Error {}
