export {
  hyperParametersSchema,
  loraTargets,
  methods,
  quantizations,
  runSpecSchema,
  taskSettingsSchema,
  type HyperParameters,
  type RunSpec,
  type TaskSettings,
} from './spec.ts';
export { runEventSchema, type RunEvent } from './events.ts';
