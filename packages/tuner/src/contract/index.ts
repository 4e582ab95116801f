export {
  hyperParametersSchema,
  loraTargets,
  methods,
  quantizations,
  runSpecSchema,
  type HyperParameters,
  type RunSpec,
} from './spec.ts';
export { runEventSchema, type RunEvent } from './events.ts';
