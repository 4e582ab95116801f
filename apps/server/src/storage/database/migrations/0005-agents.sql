-- Agents: every change is a version, and one of them counts.
-- What models and callers wrote is json and not jsonb, which knows no U+0000.
create table agents (
  id text primary key,
  workspace_id text not null,
  version integer not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (workspace_id, id),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on agents (workspace_id, created_at);

create table agent_versions (
  agent_id text not null references agents on delete cascade,
  version integer not null check (version >= 0),
  name text not null,
  description text,
  model text not null,
  instructions text,
  tools json not null,
  settings json not null,
  -- Ids of agents that it may hand over to.
  handoffs json not null,
  created_at timestamptz not null default now(),
  primary key (agent_id, version)
);
alter table agents add foreign key (id, version) references agent_versions (agent_id, version) deferrable initially deferred;

-- Conversations with an agent, or with a model that has instructions, tools and settings for this conversation.
create table conversations (
  id text primary key,
  workspace_id text not null,
  agent_id text,
  model text,
  name text,
  description text,
  instructions text,
  tools json not null default '[]',
  settings json not null default '{}',
  -- Turns that were had. A turn is written only where it follows the one that it was made after.
  turns integer not null default 0,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (num_nonnulls(agent_id, model) = 1),
  foreign key (workspace_id, agent_id) references agents (workspace_id, id),
  foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index on conversations (workspace_id, created_at);
create index on conversations (workspace_id, agent_id);

-- A restarted conversation begins with entries of another, which keep their ids. body: what an entry of this kind has
-- besides.
create table conversation_entries (
  conversation_id text not null references conversations on delete cascade,
  position integer not null check (position >= 0),
  id text not null,
  kind text not null check (kind in ('input', 'output', 'call', 'result', 'execution', 'handoff')),
  body json not null,
  created_at timestamptz not null,
  completed_at timestamptz,
  primary key (conversation_id, position),
  unique (conversation_id, id)
);
