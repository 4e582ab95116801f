/**
 * Every setting, in one table: its name in the environment, what it accepts, its default, and the words of
 * docs/reference/settings.md (a test holds the two together).
 */
import { z } from 'zod';

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);

const address = (protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => protocols.includes(URL.parse(value)?.protocol ?? ''),
      `must be a URL that starts with ${protocols.join(' or ')}`,
    );

type Setting = { schema: z.ZodType<unknown, string>; default: string | null; doc: string };

export const settings = {
  ATELIER_HOST: {
    schema: z.string().min(1),
    default: '127.0.0.1',
    doc: 'Address to listen on. Anything but a loopback address is refused unless `ATELIER_ADMIN_KEY` is set too.',
  },
  ATELIER_PORT: { schema: integer(0, 65_535), default: '8400', doc: 'TCP port to listen on; 0 takes any free one.' },
  ATELIER_DATA: {
    schema: z.string().min(1),
    default: 'data',
    doc: 'Directory of everything that is kept: database, blobs, runs, keys. Relative to the working directory. One server at a time; made when missing.',
  },
  ATELIER_ADMIN_KEY: {
    schema: z.string().regex(/^[\x21-\x7e]{16,200}$/, 'must have 16 to 200 printable characters and no spaces'),
    default: null,
    doc: 'API key of the administrator. Without it one is made at the first start, printed once, and kept in `admin-key` (mode 0600) in the data directory.',
  },
  ATELIER_PUBLIC_URL: {
    schema: address(['http:', 'https:']),
    default: null,
    doc: 'Where clients reach this server, as download links should name it. Without it: the address it listens on.',
  },
  ATELIER_GPU: {
    schema: z.enum(['auto', 'off', 'vulkan', 'cuda', 'metal']),
    default: 'auto',
    doc: 'What models run and train on: `auto`, `off` (CPU only), `vulkan`, `cuda` or `metal`.',
  },
  ATELIER_THREADS: {
    schema: integer(1, 1024),
    default: null,
    doc: 'Native threads of one runner or trainer, at most: fewer while others use the processors. Without it: one for each core.',
  },
  ATELIER_ENGINE_MEMORY: {
    schema: integer(1, 1e15 - 1),
    default: null,
    doc: 'Bytes of memory that models which answer requests may take together, by an estimate made before they are loaded. Those unused for longest are unloaded for others; one that does not fit by itself is refused. Without it: 60 % of the machine.',
  },
  ATELIER_ENGINE_RUNNING: {
    schema: integer(1, 256),
    default: '16',
    doc: 'Generations that run at the same time; the others wait for their turn.',
  },
  ATELIER_ENGINE_SPECULATION: {
    schema: z.enum(['off', 'ngram']),
    default: 'off',
    doc: '`ngram`: generations guess their next tokens by what stood after the same ones before, and keep those guesses that the model would have chosen. Faster where answers repeat their prompts and few run at once; texts stay the same.',
  },
  ATELIER_ENGINE_IDLE_SECONDS: {
    schema: integer(1, 2_000_000),
    default: '600',
    doc: 'A model that nobody has asked for so long is unloaded; the next request loads it again.',
  },
  ATELIER_PINNED_MODELS: {
    schema: z
      .string()
      .regex(/^[^\s,]{1,200}(,[^\s,]{1,200})*$/, 'must be names of models with commas between')
      .transform((text) => text.split(',')),
    default: null,
    doc: 'Models that are loaded at the start and stay loaded (of an adapter its base model), names with commas between; `/readyz` waits for them. One that cannot be loaded is logged as an error.',
  },
  ATELIER_MODEL_ALIASES: {
    schema: z
      .string()
      .regex(
        /^([^\s=,]{1,200}=[^\s=,]{1,200})(,[^\s=,]{1,200}=[^\s=,]{1,200})*$/,
        'must be name=model pairs with commas between',
      )
      .transform((text) => new Map(text.split(',').map((pair) => pair.split('=') as [string, string]))),
    default: null,
    doc: 'Further names of models, as `name=model,name=model`. Names of hosted APIs (`mistral-small-latest`, `gpt-4o-mini`, ...) mean the starter model unless they are given here.',
  },
  ATELIER_MODEL_DEPRECATIONS: {
    schema: z
      .string()
      .regex(
        /^[^\s=,]{1,200}=\d{4}-\d\d-\d\d(,[^\s=,]{1,200}=\d{4}-\d\d-\d\d)*$/,
        'must be model=date pairs (2027-01-31) with commas between',
      )
      .transform((text) => new Map(text.split(',').map((pair) => pair.split('=') as [string, string])))
      .refine(
        (days) => [...days.values()].every((day) => z.iso.date().safeParse(day).success),
        'has a day that is none',
      ),
    default: null,
    doc: 'Days from which models are not to be counted on any more, as `model=2027-01-31,model=2027-06-30`: told to clients that ask about a model, and nothing else.',
  },
  ATELIER_REMOTE_ENGINES: {
    schema: z.string().min(1),
    default: null,
    doc: 'Other servers whose models are served here too: a file of this user alone (mode 0600), or its content. See docs/guide/remote-engines.md.',
  },
  ATELIER_HUB: {
    schema: address(['http:', 'https:']),
    default: 'https://huggingface.co',
    doc: 'The model hub that training jobs may fetch base models from, and the only one.',
  },
  ATELIER_HUB_TOKEN: {
    schema: z.string().regex(/^[\x21-\x7e]{1,2000}$/, 'must have printable characters and no spaces'),
    default: null,
    doc: 'Token for that hub. With it, whoever may start a training job may fetch whatever the token opens.',
  },
  ATELIER_TRAINING_JOBS: {
    schema: integer(0, 64),
    default: '1',
    doc: 'Training jobs that run at the same time on this server; 0: none, they wait for another server.',
  },
  ATELIER_BATCHES: {
    schema: integer(0, 64),
    default: '2',
    doc: 'Batches that are answered at the same time on this server; 0: none, they wait for another server.',
  },
  ATELIER_TRAINING_SECONDS: {
    schema: integer(1, 2_000_000),
    default: '86400',
    doc: 'How long one training job may take, tests included, before it ends as timed out.',
  },
  ATELIER_ALLOWED_HOSTS: {
    schema: z
      .string()
      .regex(/^[^\s,]+(,[^\s,]+)*$/, 'must be hosts with commas between')
      .transform((text) => text.split(',')),
    default: null,
    doc: 'Hosts (`host` or `host:port`, commas between) that URLs in requests may name although they are not on the public internet. Without it: none.',
  },
  ATELIER_WANDB_URL: {
    schema: address(['http:', 'https:']),
    default: 'https://api.wandb.ai',
    doc: 'Where training jobs that ask for it report to Weights & Biases: its API, or that of an installation of your own.',
  },
  ATELIER_MLFLOW_URL: {
    schema: address(['http:', 'https:']),
    default: null,
    doc: 'The MLflow tracking server that training jobs may report to. Without it: none.',
  },
  ATELIER_OCR_LANGUAGES: {
    schema: z.string().regex(/^[A-Za-z_]{2,20}(\+[A-Za-z_]{2,20})*$/, 'must be languages of tesseract with + between'),
    default: 'eng',
    doc: "Languages of text in pictures, as tesseract names them: `eng+deu`. Each needs Debian's package `tesseract-ocr-<language>`.",
  },
  ATELIER_UPLOAD_LIMIT: {
    schema: integer(1024, 1_099_511_627_776),
    default: '536870912',
    doc: 'Largest upload in bytes; a larger one is answered with 413.',
  },
  ATELIER_LINK_SECONDS: {
    schema: integer(1, 604_800),
    default: '3600',
    doc: 'How long a signed download link stays valid.',
  },
  ATELIER_SHUTDOWN_SECONDS: {
    schema: integer(1, 3600),
    default: '30',
    doc: 'At a stop, how long requests in flight may still take, and a training job to write its checkpoint, before they are cut.',
  },
  ATELIER_LOG_LEVEL: {
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    default: 'info',
    doc: 'Least severe log line that is written: `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or `silent`. Logs are JSON lines on standard error.',
  },
  DATABASE_URL: {
    schema: address(['postgres:', 'postgresql:']),
    default: null,
    doc: 'A PostgreSQL 15 or newer to use instead of the embedded one: `postgres://user:password@host:5432/name`.',
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
export type SettingValue<N extends SettingName> =
  | z.output<(typeof settings)[N]['schema']>
  | (null extends (typeof settings)[N]['default'] ? null : never);
