-- A base model that a job names before it is here: its description says which, its other columns nothing until it has come.
alter table models
  drop constraint models_content,
  add constraint models_content check (
    case kind
    when 'base' then (blob is null) <> (path is null) and training_job_id is null
    when 'expected' then blob is null and path is null and training_job_id is null and description is not null
    else blob is null and path is null and training_job_id is not null and checkpoint_number is not null end
  );
