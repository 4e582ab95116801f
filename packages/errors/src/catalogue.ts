/**
 * Every error that Atelier reports on purpose: a stable code, the HTTP status it maps to, whether the same request may
 * succeed later, and a message template whose {names} are filled from the details given when it is thrown.
 * docs/reference/errors.md lists the same codes; a test holds the two together.
 */
export const catalogue = {
  invalid_request: { status: 400, retryable: false, message: '{reason}' },
  unknown_parameter: { status: 400, retryable: false, message: 'Unknown parameters: {names}' },
  invalid_dataset: { status: 400, retryable: false, message: 'Line {line}, field {field}: {reason}' },
  unsupported_task: {
    status: 400,
    retryable: false,
    message: 'Task type {task} is not supported yet; supported: {supported}',
  },
  unsupported_model: {
    status: 400,
    retryable: false,
    message: 'Model {name} has architecture {architecture}; supported: {supported}',
  },
  invalid_model_file: { status: 400, retryable: false, message: 'Model file {file} is not usable: {reason}' },
  not_installed: {
    status: 400,
    retryable: false,
    message: '{what} needs the package {package}, which is not installed on this server',
  },
  tool_unavailable: { status: 400, retryable: false, message: 'The tool {name} is not available on this server' },
  url_refused: { status: 400, retryable: false, message: 'The URL cannot be used: {reason}' },
  unsupported_schema: { status: 400, retryable: false, message: 'The schema cannot be enforced at {path}: {reason}' },
  unauthorized: { status: 401, retryable: false, message: 'Missing or invalid API key' },
  forbidden: { status: 403, retryable: false, message: 'This key may not do that' },
  not_found: { status: 404, retryable: false, message: '{kind} not found' },
  unknown_model: { status: 404, retryable: false, message: 'There is no model {name}' },
  unsupported_content: {
    status: 400,
    retryable: false,
    message: 'Content of type {type} cannot be read: {reason}',
  },
  message_order: { status: 400, retryable: false, message: '{reason}' },
  conflict: { status: 409, retryable: false, message: '{reason}' },
  payload_too_large: { status: 413, retryable: false, message: 'The upload is larger than the limit of {limit} bytes' },
  unsupported_media_type: { status: 415, retryable: false, message: '{reason}' },
  too_many_requests: {
    status: 429,
    retryable: true,
    message: 'Too many requests are waiting ({waiting}); try again in {retryAfter} s',
  },
  cancelled: { status: 499, retryable: true, message: 'Cancelled' },
  deadline_exceeded: { status: 504, retryable: true, message: 'It took longer than the {limit} ms it was given' },
  context_overflow: {
    status: 400,
    retryable: false,
    message: 'The prompt has {tokens} tokens; the model holds {limit}',
  },
  template_failed: { status: 400, retryable: false, message: 'The chat template could not be rendered: {reason}' },
  runner_crashed: {
    status: 503,
    retryable: true,
    message: 'The model process stopped while it worked on this request',
  },
  hub_unavailable: { status: 503, retryable: true, message: 'The model hub {host} cannot be reached: {reason}' },
  hub_refused: { status: 400, retryable: false, message: 'The model hub does not give {repo}: {reason}' },
  remote_unavailable: {
    status: 503,
    retryable: true,
    message: 'The service {name} cannot be reached now: {reason}',
  },
  remote_failed: { status: 502, retryable: true, message: 'The service {name} failed: {reason}' },
  model_quarantined: {
    status: 503,
    retryable: false,
    message: 'Model {name} crashed its process {crashes} times and is no longer loaded',
  },
  model_too_large: {
    status: 503,
    retryable: false,
    message: 'Model {name} would take {needed} MB of memory; models may take {limit} MB',
  },
  shutting_down: { status: 503, retryable: true, message: 'The server is stopping' },
  out_of_memory: {
    status: 400,
    retryable: false,
    message: 'Training would take {needed} of memory and {limit} are there; what fits: {fitting}',
  },
  training_failed: { status: 500, retryable: false, message: 'Training failed: {reason}' },
  trainer_stopped: { status: 500, retryable: true, message: 'The trainer stopped before it was done ({how})' },
  lease_lost: { status: 503, retryable: true, message: 'Another worker took over job {id}' },
  database_unusable: { status: 500, retryable: true, message: 'The database cannot be used: {reason}' },
  native_mismatch: {
    status: 500,
    retryable: false,
    message: 'The llama.cpp libraries do not match these bindings: {reason}',
  },
  invalid_setting: { status: 500, retryable: false, message: 'Setting {name}: {reason}' },
  data_directory_in_use: {
    status: 500,
    retryable: false,
    message: 'The data directory {directory} is in use by process {pid}',
  },
  storage_full: { status: 507, retryable: true, message: 'The data directory is full' },
  internal: { status: 500, retryable: true, message: 'Internal error' },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof catalogue;
