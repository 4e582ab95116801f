-- Whether a job waits for its owner's word, so that no worker takes it. A worker that has it saves what there is and lets
-- it go.
alter table training_jobs
  add column waiting boolean not null generated always as (paused or (state = 'validated' and not auto_start)) stored;

-- Batches: requests by the file, answered when there is time. State, lease and fencing as for training_jobs.
create table batches (
  id uuid primary key default gen_random_uuid(),
  workspace_id text not null,
  api text not null,
  -- A path of that API, and what its lines leave out: the model, or the agent.
  endpoint text not null,
  model text not null,
  parameters jsonb not null default '{}',
  metadata jsonb not null default '{}',
  state text not null check (state in ('queued', 'running', 'saving', 'succeeded', 'failed', 'cancelling', 'cancelled',
    'timed_out')),
  total integer not null default 0,
  succeeded integer not null default 0,
  failed integer not null default 0,
  -- [{"message", "count"}]: what went wrong, equal messages together.
  errors jsonb not null default '[]',
  error jsonb,
  output_file_id uuid references files on delete set null,
  error_file_id uuid references files on delete set null,
  times_out_at timestamptz not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  lease_owner text,
  lease_token bigint not null default 0,
  lease_expires_at timestamptz,
  attempt integer not null default 0,
  failures integer not null default 0,
  waiting boolean not null default false,
  unique (workspace_id, id),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on batches (workspace_id, created_at);
create index on batches (created_at) where state not in ('succeeded', 'failed', 'cancelled', 'timed_out');
create index on batches (output_file_id);
create index on batches (error_file_id);

create table batch_inputs (
  workspace_id text not null,
  batch_id uuid not null,
  position integer not null check (position >= 0),
  file_id uuid not null,
  primary key (batch_id, position),
  foreign key (workspace_id, batch_id) references batches (workspace_id, id) on delete cascade,
  foreign key (workspace_id, file_id) references files (workspace_id, id)
);
create index on batch_inputs (workspace_id, file_id);

-- Answers of a batch that is not over, by line of its input, counted from 0. Written through the lease, so that each line
-- is answered once whoever works on the batch; they go into files when it ends.
create table batch_answers (
  batch_id uuid not null references batches on delete cascade,
  line integer not null check (line >= 0),
  ok boolean not null,
  message text,
  answer text not null,
  primary key (batch_id, line)
);
