import fc from 'fast-check';

export type Schema = Record<string, unknown>;

const name = fc.constantFrom('a', 'b', 'ab', 'name', 'größe', 'a"b', 'with space', '🙂');
const short = fc.string({ unit: 'binary', maxLength: 4 });
const scalar = fc.oneof(short, fc.integer({ min: -99, max: 99 }), fc.boolean(), fc.constant(null), fc.constant(2.5));

/** Without the keywords that are undefined. */
const defined = (schema: Schema): Schema =>
  Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const bounds = fc
  .tuple(
    fc.integer({ min: -2000, max: 2000 }),
    fc.integer({ min: 3, max: 500 }),
    fc.constantFrom(1, 4, 1000),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([low, width, scale, openLow, openHigh]) => ({
    [openLow ? 'exclusiveMinimum' : 'minimum']: low / scale,
    [openHigh ? 'exclusiveMaximum' : 'maximum']: (low + width) / scale,
  }));

const integers = fc.oneof(
  fc.constant({ type: 'integer' }),
  fc.tuple(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: 2, max: 50_000 })).map(([low, width]) => ({
    type: 'integer',
    minimum: low,
    exclusiveMaximum: low + width,
  })),
);
const numbers = fc.oneof(
  fc.constant({ type: 'number' }),
  bounds.map((given) => ({ type: 'number', ...given })),
);
const patterns = fc.constantFrom(
  '^[a-z]{1,4}$',
  '^(foo|ba[rz])\\d?$',
  '^\\w+( \\w+){0,2}$',
  '^[^"]{2}$',
  '^\\$\\d{1,3}\\.\\d\\d$',
  '^é?🙂$',
  '^(a*|b)*c$',
);
const formats = fc.constantFrom(
  'date',
  'time',
  'date-time',
  'duration',
  'uuid',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uri',
);
const strings = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 90 })).map(([minLength, more]) => ({
    type: 'string',
    minLength,
    maxLength: minLength + more,
  })),
  patterns.map((pattern) => ({ type: 'string', pattern })),
  formats.map((format) => ({ type: 'string', format })),
);
const values = fc.oneof(
  fc
    .uniqueArray(scalar, { minLength: 1, maxLength: 4, selector: (value) => JSON.stringify(value) })
    .map((given) => ({ enum: given })),
  fc.oneof(scalar, fc.constant({ x: [1, 'y'] })).map((value) => ({ const: value })),
  fc.constant({ type: 'boolean' }),
  fc.constant({ type: ['integer', 'null'], minimum: 0, maximum: 12 }),
);

const leaf: fc.Arbitrary<Schema> = fc.oneof(strings, integers, numbers, values);

const { object, array, combined } = fc.letrec<Record<'schema' | 'object' | 'array' | 'combined', Schema>>((tie) => ({
  object: fc
    .record({
      properties: maybe(fc.dictionary(name, tie('schema'), { maxKeys: 4 })),
      keep: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      additionalProperties: fc.constantFrom(
        undefined,
        undefined,
        false,
        { type: 'integer' },
        { $ref: '#/$defs/point' },
      ),
      maxMore: fc.integer({ min: 0, max: 3 }),
    })
    .map(({ properties, keep, additionalProperties, maxMore }) => {
      const names = Object.keys(properties ?? {});
      const free = (additionalProperties !== undefined && additionalProperties !== false) || names.length === 0;
      return defined({
        type: 'object',
        properties,
        required: names.filter((_, index) => keep[index]),
        additionalProperties: names.length === 0 ? { type: 'boolean' } : additionalProperties,
        maxProperties: free ? names.length + maxMore : undefined,
      });
    }),
  array: fc.oneof(
    fc
      .record({ items: tie('schema'), minItems: fc.integer({ min: 0, max: 2 }), more: fc.integer({ min: 0, max: 3 }) })
      .map(({ items, minItems, more }) => ({ type: 'array', items, minItems, maxItems: minItems + more })),
    fc
      .record({
        prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }),
        items: fc.constantFrom(false, { type: 'null' }),
      })
      .map(({ prefixItems, items }) => ({ type: 'array', prefixItems, items, maxItems: prefixItems.length + 1 })),
  ),
  combined: fc.oneof(
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.tuple(tie('object'), tie('object')).map(([a, b]) => ({
      oneOf: [a, b]
        .map((each, kind) => ({
          ...each,
          properties: { ...(each['properties'] as object), kind: { const: kind } },
          required: [...(each['required'] as string[]), 'kind'],
          maxProperties: undefined,
        }))
        .map(defined),
    })),
    fc.integer({ min: 0, max: 20 }).map((least) => ({ allOf: [{ type: 'integer', maximum: 99 }, { minimum: least }] })),
    fc.tuple(tie('schema'), tie('schema')).map(([x, y]) => ({
      allOf: [{ $ref: '#/$defs/point' }, { type: 'object', properties: { x, z: y }, required: ['z'] }],
    })),
    fc.constant({ $ref: '#/$defs/point' }),
    fc.constant({ $ref: '#/$defs/tree' }),
    tie('schema').map((inner) => ({
      oneOf: [{ type: 'null' }, { type: 'object', properties: { inner }, required: ['inner'] }],
    })),
  ),
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { arbitrary: leaf, weight: 3 },
    tie('object'),
    tie('array'),
    tie('combined'),
  ),
}));

/** Whole documents, with what they refer to. Values are bounded, but for trees. */
export const schemas: fc.Arbitrary<Schema> = fc.oneof(object, array, combined).map((root) => ({
  ...root,
  $defs: {
    point: {
      type: 'object',
      properties: { x: { type: 'integer', minimum: 0, maximum: 9 }, 'a/b': { type: 'boolean' } },
      required: ['x'],
    },
    tree: {
      type: 'object',
      properties: {
        leaf: { type: 'integer' },
        children: { type: 'array', items: { $ref: '#/$defs/tree' }, maxItems: 2 },
      },
      required: ['leaf'],
      additionalProperties: false,
    },
  },
}));
