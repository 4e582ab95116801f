-- Rows of an upload that were left out because they are bad, and the first of them: [{"line", "field", "reason"}]. A job says
-- how many it allows.
alter table datasets
  add column invalid_rows bigint not null default 0 check (invalid_rows >= 0),
  add column invalid_examples jsonb not null default '[]';

-- What a step learnt from; null for steps from before this was kept.
alter table training_steps add column tokens bigint;
