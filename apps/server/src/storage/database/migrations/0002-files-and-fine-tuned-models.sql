-- What the Mistral and OpenAI APIs know besides: files, models made by jobs, jobs with several data sets that wait for a
-- start or are paused, and the history of a job's states. Both show a job and a file by its UUID.

-- Where what comes through APIs without projects belongs.
alter table projects add column is_default boolean not null default false;
create unique index on projects (workspace_id) where is_default;

-- An uploaded file, or one that the platform made (source 'platform': results of a batch). A data set made from it is named.
create table files (
  id uuid primary key default gen_random_uuid(),
  workspace_id text not null,
  name text not null,
  purpose text not null,
  -- What its lines are: 'instruct', 'pretrain', 'batch_request', ...; null where nobody needs to know.
  content_kind text,
  lines bigint check (lines >= 0),
  bytes bigint not null check (bytes >= 0),
  blob text not null references blobs,
  source text not null check (source in ('upload', 'platform')),
  dataset_id text,
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  unique (workspace_id, id),
  foreign key (workspace_id, dataset_id) references datasets (workspace_id, id) on delete cascade,
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on files (workspace_id, created_at);
create index on files (blob);
create index on files (workspace_id, dataset_id);
insert into files (workspace_id, name, purpose, content_kind, lines, bytes, blob, source, dataset_id, created_by, created_at)
  select d.workspace_id, d.name || '.' || d.format, 'fine-tune', 'instruct', d.records, b.bytes, d.source_blob, 'upload', d.id,
    d.created_by, d.created_at
  from datasets d join blobs b on b.sha256 = d.source_blob;

-- auto_start: goes on by itself once it is validated. paused: no worker takes it; the one that has it writes a checkpoint
-- and lets it go. suffix: part of the name of the model it makes. metadata: the caller's own.
alter table training_jobs
  add column uuid uuid not null default gen_random_uuid() unique,
  add column auto_start boolean not null default true,
  add column paused boolean not null default false,
  add column suffix text,
  add column metadata jsonb not null default '{}';

-- The data of a job. weight multiplies the loss of the records of one data set.
create table training_job_datasets (
  workspace_id text not null,
  job_id text not null,
  role text not null check (role in ('train', 'test')),
  position integer not null check (position >= 0),
  dataset_id text not null,
  weight double precision not null default 1 check (weight > 0),
  primary key (job_id, role, position),
  foreign key (workspace_id, job_id) references training_jobs (workspace_id, id) on delete cascade,
  foreign key (workspace_id, dataset_id) references datasets (workspace_id, id)
);
create index on training_job_datasets (workspace_id, dataset_id);
insert into training_job_datasets (workspace_id, job_id, role, position, dataset_id)
  select workspace_id, id, 'train', 0, train_dataset_id from training_jobs
  union all
  select workspace_id, id, 'test', 0, test_dataset_id from training_jobs where test_dataset_id is not null;
alter table training_jobs drop column train_dataset_id, drop column test_dataset_id;

-- Every state that a job was in, whoever put it there.
create table training_events (
  id bigint generated always as identity primary key,
  job_id text not null references training_jobs on delete cascade,
  at timestamptz not null default now(),
  state text not null
);
create index on training_events (job_id, id);
create function note_training_state() returns trigger language plpgsql as $$
begin
  insert into training_events (job_id, state) values (new.id, new.state);
  return null;
end $$;
create trigger training_jobs_inserted after insert on training_jobs for each row execute function note_training_state();
create trigger training_jobs_moved after update of state on training_jobs for each row
  when (old.state is distinct from new.state) execute function note_training_state();
insert into training_events (job_id, at, state) select id, updated_at, state from training_jobs;

-- Fine-tuned models: a checkpoint of a job under a name of its own. They go with their job.
alter table models
  add column training_job_id text,
  add column checkpoint_number integer,
  add column title text,
  add column description text,
  add column archived boolean not null default false,
  -- What the file says that the model can do: {"fim": true, ...}
  add column capabilities jsonb not null default '{}',
  drop constraint models_check,
  add constraint models_content check (
    case kind when 'base' then (blob is null) <> (path is null) and training_job_id is null
    else blob is null and path is null and training_job_id is not null and checkpoint_number is not null end
  ),
  add foreign key (training_job_id, checkpoint_number) references checkpoints (job_id, number) on delete cascade;
create index on models (training_job_id, checkpoint_number);
