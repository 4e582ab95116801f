-- Answers that are kept so that a later request can go on from them. Items and answer are in the form of the API that they
-- came through; json and not jsonb, which knows no U+0000.
create table responses (
  id text primary key,
  workspace_id text not null references workspaces,
  -- The one that it went on from; that may have been deleted since.
  previous_id text,
  input json not null,
  answer json not null,
  created_at timestamptz not null default now()
);
create index on responses (workspace_id);
