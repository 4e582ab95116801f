-- Models of the model directories that answer requests and cannot be trained: kind `served`.
alter table models
  drop constraint models_content,
  add constraint models_content check (
    case
    when kind in ('base', 'served') then (blob is null) <> (path is null) and training_job_id is null
    when kind = 'expected' then blob is null and path is null and training_job_id is null and description is not null
    else blob is null and path is null and training_job_id is not null and checkpoint_number is not null end
  );
