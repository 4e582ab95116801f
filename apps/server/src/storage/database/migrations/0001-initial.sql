-- Ids are text with the prefix of their kind (ws-, user-, key-, ms-, ds-, tr-, dp-). Every tenant's row carries its
-- workspace, and references between tenants' rows include it, so that a row can never point into another workspace.

create table workspaces (
  id text primary key,
  name text not null,
  created_at timestamptz not null default now()
);

create table users (
  id text primary key,
  workspace_id text not null references workspaces,
  name text not null,
  created_at timestamptz not null default now(),
  unique (workspace_id, id)
);

-- Only the SHA-256 of a key is kept; the key itself is random enough (at least 128 bits) that a fast hash is safe.
create table api_keys (
  id text primary key,
  workspace_id text not null references workspaces,
  user_id text not null,
  hash bytea not null unique check (length(hash) = 32),
  name text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  foreign key (workspace_id, user_id) references users (workspace_id, id)
);

-- Content on disk. Every column that names a blob is a foreign key to this table: the sweep finds them in the catalogue.
create table blobs (
  sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
  bytes bigint not null check (bytes >= 0),
  created_at timestamptz not null default now(),
  -- The last time this content was stored. The sweep leaves a blob alone for a while after that, since the row that will
  -- name it may not be written yet.
  put_at timestamptz not null default now()
);

-- Base models. workspace_id null: everyone's. The file is a blob or a path on this machine (a model that ships).
create table models (
  id text primary key,
  workspace_id text references workspaces,
  name text not null,
  family text not null,
  kind text not null,
  blob text references blobs,
  path text,
  context_length integer not null check (context_length > 0),
  parameters bigint not null check (parameters > 0),
  chat boolean not null,
  created_at timestamptz not null default now(),
  check ((blob is null) <> (path is null)),
  unique nulls not distinct (workspace_id, name)
);

create table projects (
  id text primary key,
  workspace_id text not null references workspaces,
  name text,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on projects (workspace_id, created_at);

create table datasets (
  id text primary key,
  workspace_id text not null,
  project_id text not null,
  name text not null,
  state text not null check (state in ('processing', 'ready', 'failed')),
  format text,
  records bigint check (records >= 0),
  source_blob text references blobs,
  records_blob text references blobs,
  error jsonb,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, project_id) references projects (workspace_id, id),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on datasets (workspace_id, project_id, created_at);
create index on datasets (source_blob);
create index on datasets (records_blob);

create table training_jobs (
  id text primary key,
  workspace_id text not null,
  project_id text not null,
  name text not null,
  description text,
  base_model text not null references models,
  task text not null,
  method text not null,
  train_dataset_id text not null,
  test_dataset_id text,
  split_ratio double precision check (split_ratio > 0 and split_ratio < 1),
  -- As the API got them, and as the trainer takes them.
  api_parameters jsonb not null default '{}',
  hyper_parameters jsonb not null default '{}',
  state text not null check (state in ('queued', 'validating', 'validated', 'running', 'evaluating', 'saving', 'succeeded',
    'failed', 'cancelling', 'cancelled', 'timed_out')),
  -- 0 to 1.
  progress real not null default 0 check (progress >= 0 and progress <= 1),
  total_steps integer,
  seconds_left real,
  error jsonb,
  seed bigint not null default 0,
  api text not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  -- The worker that holds the job. lease_token grows by one whenever the job changes hands and every write of a worker
  -- names the token it was given, so one that lost its lease cannot write. Times are the database's.
  lease_owner text,
  lease_token bigint not null default 0,
  lease_expires_at timestamptz,
  -- Times that the job was taken, and how many of them ended with an error (as opposed to being cut short).
  attempt integer not null default 0,
  failures integer not null default 0,
  unique (workspace_id, id),
  foreign key (workspace_id, project_id) references projects (workspace_id, id),
  foreign key (workspace_id, train_dataset_id) references datasets (workspace_id, id),
  foreign key (workspace_id, test_dataset_id) references datasets (workspace_id, id),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on training_jobs (workspace_id, project_id, created_at);
create index on training_jobs (created_at) where state not in ('succeeded', 'failed', 'cancelled', 'timed_out');
create index on training_jobs (workspace_id, train_dataset_id);
create index on training_jobs (workspace_id, test_dataset_id);

-- One row an optimizer step. A resumed trainer reports steps again; the later report replaces the earlier.
create table training_steps (
  job_id text not null references training_jobs on delete cascade,
  step integer not null,
  at timestamptz not null,
  loss double precision not null,
  learning_rate double precision not null,
  gradient_norm double precision not null,
  tokens_per_second double precision not null,
  primary key (job_id, step)
);

create table training_validations (
  job_id text not null references training_jobs on delete cascade,
  step integer not null,
  at timestamptz not null,
  loss double precision not null,
  token_accuracy double precision not null,
  primary key (job_id, step)
);

-- number: the epoch, from 1. LoRA leaves an adapter, full fine-tuning a model; metrics and test_result_blob come with its test.
create table checkpoints (
  job_id text not null references training_jobs on delete cascade,
  number integer not null check (number > 0),
  step integer not null,
  adapter_blob text references blobs,
  model_blob text references blobs,
  metrics jsonb,
  test_result_blob text references blobs,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (job_id, number),
  check ((adapter_blob is null) <> (model_blob is null))
);
create index on checkpoints (adapter_blob);
create index on checkpoints (model_blob);
create index on checkpoints (test_result_blob);

create table deployments (
  id text primary key,
  workspace_id text not null,
  project_id text not null,
  name text not null,
  description text,
  training_job_id text not null,
  checkpoint_number integer not null,
  server_type text not null,
  state text not null check (state in ('pending', 'deploying', 'deployed', 'failed', 'cancelled', 'timed_out')),
  error jsonb,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, project_id) references projects (workspace_id, id),
  foreign key (workspace_id, training_job_id) references training_jobs (workspace_id, id),
  foreign key (training_job_id, checkpoint_number) references checkpoints (job_id, number),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on deployments (workspace_id, project_id, created_at);
create index on deployments (training_job_id, checkpoint_number);
