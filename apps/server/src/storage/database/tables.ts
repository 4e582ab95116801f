/**
 * The tables of migrations/ as kysely sees them. Names are the database's own. bigint columns arrive as numbers (none can
 * pass 2^53), timestamptz as Date. What each column means is written in the migrations.
 */
import type { AgentTool, EntryKind, Settings as AgentSettings } from '@atelier/agents';
import type { ColumnType, Generated, Insertable, JSONColumnType, Selectable, Updateable } from 'kysely';

type CreatedAt = ColumnType<Date, Date | undefined, never>;
type UpdatedAt = ColumnType<Date, Date | undefined, Date>;
/** jsonb: read as the value, written as JSON text (`JSON.stringify`, since pg would send an array as a PostgreSQL array). */
type Json<T extends object | null> = JSONColumnType<
  T,
  string | (null extends T ? null : never),
  string | (null extends T ? null : never)
>;

/** An AtelierError as `toJSON` gives it, with its message for readers of the row. */
export type StoredError = { code: string; details: Record<string, string | number | boolean>; message: string };

export const trainingStates = [
  'queued',
  'validating',
  'validated',
  'running',
  'evaluating',
  'saving',
  'succeeded',
  'failed',
  'cancelling',
  'cancelled',
  'timed_out',
] as const;
export type TrainingState = (typeof trainingStates)[number];

export type BatchState =
  | 'queued'
  | 'running'
  | 'saving'
  | 'succeeded'
  | 'failed'
  | 'cancelling'
  | 'cancelled'
  | 'timed_out';
export type DatasetState = 'processing' | 'ready' | 'failed';
export type DeploymentState = 'pending' | 'deploying' | 'deployed' | 'failed' | 'cancelled' | 'timed_out';

type Workspaces = { id: string; name: string; created_at: CreatedAt };

type Users = { id: string; workspace_id: string; name: string; created_at: CreatedAt };

type ApiKeys = {
  id: string;
  workspace_id: string;
  user_id: string;
  hash: Buffer;
  name: string;
  created_at: CreatedAt;
  last_used_at: Date | null;
  revoked_at: Date | null;
};

type Blobs = { sha256: string; bytes: number; created_at: CreatedAt; put_at: UpdatedAt };

/** Absent means no. */
export type ModelCapabilities = { fim?: boolean; tools?: boolean; encoder?: boolean };

type Models = {
  id: string;
  workspace_id: string | null;
  name: string;
  family: string;
  kind: 'base' | 'served' | 'fine-tuned' | 'expected';
  blob: string | null;
  path: string | null;
  context_length: number;
  parameters: number;
  chat: boolean;
  created_at: CreatedAt;
  training_job_id: string | null;
  checkpoint_number: number | null;
  title: string | null;
  description: string | null;
  archived: Generated<boolean>;
  capabilities: ColumnType<ModelCapabilities, string | undefined, string>;
};

type Projects = {
  id: string;
  workspace_id: string;
  name: string | null;
  is_default: Generated<boolean>;
  created_by: string;
  created_at: CreatedAt;
};

type Files = {
  id: Generated<string>;
  workspace_id: string;
  name: string;
  purpose: string;
  content_kind: string | null;
  lines: number | null;
  bytes: number;
  blob: string;
  source: 'upload' | 'platform';
  dataset_id: string | null;
  created_by: string;
  created_at: CreatedAt;
  expires_at: Date | null;
};

type Datasets = {
  id: string;
  workspace_id: string;
  project_id: string;
  name: string;
  state: DatasetState;
  format: string | null;
  records: number | null;
  invalid_rows: Generated<number>;
  invalid_examples: ColumnType<{ line: number; field: string; reason: string }[], string | undefined, string>;
  source_blob: string | null;
  records_blob: string | null;
  error: Json<StoredError | null>;
  created_by: string;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
};

type TrainingJobs = {
  id: string;
  workspace_id: string;
  project_id: string;
  name: string;
  description: string | null;
  base_model: string;
  task: string;
  method: string;
  split_ratio: number | null;
  api_parameters: Json<Record<string, unknown>>;
  hyper_parameters: Json<Record<string, unknown>>;
  state: TrainingState;
  progress: Generated<number>;
  total_steps: number | null;
  seconds_left: number | null;
  error: Json<StoredError | null>;
  seed: Generated<number>;
  api: string;
  created_by: string;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
  started_at: Date | null;
  finished_at: Date | null;
  lease_owner: string | null;
  lease_token: Generated<number>;
  lease_expires_at: Date | null;
  attempt: Generated<number>;
  failures: Generated<number>;
  uuid: Generated<string>;
  auto_start: Generated<boolean>;
  paused: Generated<boolean>;
  waiting: ColumnType<boolean, never, never>;
  suffix: string | null;
  metadata: ColumnType<Record<string, string>, string | undefined, string>;
};

type TrainingJobDatasets = {
  workspace_id: string;
  job_id: string;
  role: 'train' | 'test';
  position: number;
  dataset_id: string;
  weight: Generated<number>;
};

type Batches = {
  id: Generated<string>;
  workspace_id: string;
  api: string;
  endpoint: string;
  model: string;
  parameters: ColumnType<Record<string, unknown>, string | undefined, string>;
  metadata: ColumnType<Record<string, string>, string | undefined, string>;
  state: BatchState;
  total: Generated<number>;
  succeeded: Generated<number>;
  failed: Generated<number>;
  errors: ColumnType<{ message: string; count: number }[], string | undefined, string>;
  error: Json<StoredError | null>;
  output_file_id: string | null;
  error_file_id: string | null;
  times_out_at: Date;
  created_by: string;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
  started_at: Date | null;
  finished_at: Date | null;
  lease_owner: string | null;
  lease_token: Generated<number>;
  lease_expires_at: Date | null;
  attempt: Generated<number>;
  failures: Generated<number>;
  waiting: Generated<boolean>;
};

type BatchInputs = { workspace_id: string; batch_id: string; position: number; file_id: string };

type BatchAnswers = { batch_id: string; line: number; ok: boolean; message: string | null; answer: string };

type TrainingEvents = { id: Generated<number>; job_id: string; at: CreatedAt; state: TrainingState };

type TrainingSteps = {
  job_id: string;
  step: number;
  at: Date;
  loss: number;
  learning_rate: number;
  gradient_norm: number;
  tokens_per_second: number;
  tokens: number | null;
};

type TrainingValidations = { job_id: string; step: number; at: Date; loss: number; token_accuracy: number | null };

type TrainingSamples = {
  job_id: string;
  step: number;
  position: number;
  at: Date;
  prompt: string;
  expected: string | null;
  answer: string;
};

type TrainingReports = {
  id: Generated<number>;
  job_id: string;
  position: number;
  kind: 'wandb' | 'mlflow';
  settings: Json<{ group: string; runName: string | null }>;
  secret: Buffer | null;
  remote: Json<Record<string, string> | null>;
  url: string | null;
  step: Generated<number>;
  lines: Generated<number>;
  token: Generated<number>;
  next_at: ColumnType<Date, Date | undefined, Date>;
  failures: Generated<number>;
  finished_at: Date | null;
  error: string | null;
};

type Checkpoints = {
  job_id: string;
  number: number;
  step: number;
  adapter_blob: string | null;
  model_blob: string | null;
  head_blob: string | null;
  metrics: Json<Record<string, number> | null>;
  test_result_blob: string | null;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
};

type Deployments = {
  id: string;
  workspace_id: string;
  project_id: string;
  name: string;
  description: string | null;
  training_job_id: string;
  checkpoint_number: number;
  server_type: string;
  state: DeploymentState;
  error: Json<StoredError | null>;
  created_by: string;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
};

type Agents = {
  id: string;
  workspace_id: string;
  version: number;
  created_by: string;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
};

type AgentVersions = {
  agent_id: string;
  version: number;
  name: string;
  description: string | null;
  model: string;
  instructions: string | null;
  tools: Json<AgentTool[]>;
  settings: Json<AgentSettings>;
  handoffs: Json<string[]>;
  created_at: CreatedAt;
};

type Conversations = {
  id: string;
  workspace_id: string;
  agent_id: string | null;
  model: string | null;
  name: string | null;
  description: string | null;
  instructions: string | null;
  tools: Json<AgentTool[]>;
  settings: Json<AgentSettings>;
  turns: Generated<number>;
  created_by: string;
  created_at: CreatedAt;
  updated_at: UpdatedAt;
};

type ConversationEntries = {
  conversation_id: string;
  position: number;
  id: string;
  kind: EntryKind;
  body: Json<Record<string, unknown>>;
  created_at: Date;
  completed_at: Date | null;
};

type Responses = {
  id: string;
  workspace_id: string;
  previous_id: string | null;
  input: JSONColumnType<object[], string, never>;
  answer: JSONColumnType<object, string, never>;
  created_at: CreatedAt;
};

export type Tables = {
  responses: Responses;
  workspaces: Workspaces;
  users: Users;
  api_keys: ApiKeys;
  blobs: Blobs;
  models: Models;
  projects: Projects;
  datasets: Datasets;
  files: Files;
  training_jobs: TrainingJobs;
  training_job_datasets: TrainingJobDatasets;
  training_events: TrainingEvents;
  batches: Batches;
  batch_inputs: BatchInputs;
  batch_answers: BatchAnswers;
  training_steps: TrainingSteps;
  training_validations: TrainingValidations;
  training_samples: TrainingSamples;
  training_reports: TrainingReports;
  checkpoints: Checkpoints;
  deployments: Deployments;
  agents: Agents;
  agent_versions: AgentVersions;
  conversations: Conversations;
  conversation_entries: ConversationEntries;
};

export type Row<T extends keyof Tables> = Selectable<Tables[T]>;
export type NewRow<T extends keyof Tables> = Insertable<Tables[T]>;
export type RowChange<T extends keyof Tables> = Updateable<Tables[T]>;
