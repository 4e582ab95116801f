-- What a model said at the validations of a job, in the order of the prompts.
create table training_samples (
  job_id text not null references training_jobs on delete cascade,
  step integer not null check (step >= 0),
  position integer not null check (position >= 0),
  at timestamptz not null,
  prompt text not null,
  expected text,
  answer text not null,
  primary key (job_id, step, position)
);

-- What a job reports to others, and how far it has. Rows are the queue: a job never waits for them.
create table training_reports (
  id bigint generated always as identity primary key,
  job_id text not null references training_jobs on delete cascade,
  position integer not null check (position >= 0),
  kind text not null check (kind in ('wandb', 'mlflow')),
  -- As asked for, without the secret: that is sealed (AES-256-GCM), with job_id and position as its context.
  settings jsonb not null,
  secret bytea,
  -- What the other side calls the run; null until it knows of it.
  remote jsonb,
  url text,
  -- Steps through this one have been reported, in so many lines.
  step integer not null default 0,
  lines integer not null default 0,
  -- Grows whenever somebody takes the row, who has it until next_at.
  token bigint not null default 0,
  next_at timestamptz not null default now(),
  failures integer not null default 0,
  finished_at timestamptz,
  error text,
  unique (job_id, position)
);
create index on training_reports (next_at) where finished_at is null;
