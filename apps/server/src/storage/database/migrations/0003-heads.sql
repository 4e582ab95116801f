-- Checkpoints of tasks that have a head: head.json, beside the adapter or model.
alter table checkpoints add column head_blob text references blobs;
create index on checkpoints (head_blob);

-- Only tasks that predict tokens have an accuracy of tokens.
alter table training_validations alter column token_accuracy drop not null;
