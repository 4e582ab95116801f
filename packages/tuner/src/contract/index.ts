export { dpoSettingNames, optimizerNames, scheduleNames, type OptimizerName, type ScheduleName } from './names.ts';
export {
  hyperParametersSchema,
  blockTargets,
  loraTargets,
  methods,
  optimizers,
  quantizations,
  runSpecSchema,
  schedules,
  taskSettingsSchema,
  type HyperParameters,
  type RunSpec,
  type TaskSettings,
} from './spec.ts';
export { runEventSchema, type RunEvent } from './events.ts';
export { runPlanSchema, type DataPlan, type Fitting, type MemoryPlan, type RunPlan } from './plan.ts';
export { searchResultSchema, searchSpecSchema, type SearchResult, type SearchSpec } from './search.ts';
