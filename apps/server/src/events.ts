/**
 * What happens in this server that an operator would want to count: one function for each event, which writes the log line
 * and moves the counter. Labels of counters have few values; ids go into the log only.
 */
import { Counter, type Registry } from 'prom-client';
import type { Logger } from './logger.ts';

export type Events = ReturnType<typeof createEvents>;

export function createEvents(logger: Logger, registry: Registry) {
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const refused = counter('atelier_authentications_refused_total', 'Requests without a valid key', 'key_given');
  const taken = counter('atelier_jobs_taken_total', 'Leases that a worker took', 'kind');
  const cutShort = counter('atelier_jobs_cut_short_total', 'Jobs whose work ended before they did', 'kind', 'reason');
  const failed = counter('atelier_jobs_failed_total', 'Attempts at a job that ended with an error', 'kind', 'code');
  const uploaded = counter('atelier_datasets_uploaded_total', 'Data sets that were taken in');
  const uploadedBytes = counter('atelier_dataset_bytes_uploaded_total', 'Bytes of data sets that were taken in');
  const trainings = counter('atelier_training_jobs_ended_total', 'Training jobs that ended', 'state');
  const deployments = counter('atelier_deployments_brought_up_total', 'Attempts to bring a deployment up', 'state');
  const swept = counter('atelier_blobs_swept_total', 'Blobs that nothing named any more');

  return {
    authenticationRefused({ keyGiven }: { keyGiven: boolean }) {
      refused.inc({ key_given: String(keyGiven) });
      logger.info({ keyGiven }, 'authentication refused');
    },
    jobTaken({ kind, id, attempt }: { kind: string; id: string; attempt: number }) {
      taken.inc({ kind });
      logger.info({ kind, id, attempt }, 'job taken');
    },
    jobCutShort({
      kind,
      id,
      reason,
    }: {
      kind: string;
      id: string;
      reason: 'cancelled' | 'shutting_down' | 'lease_lost';
    }) {
      cutShort.inc({ kind, reason });
      logger.info({ kind, id, reason }, 'job cut short');
    },
    jobFailed({ kind, id, code, final }: { kind: string; id: string; code: string; final: boolean }) {
      failed.inc({ kind, code });
      logger.warn({ kind, id, code, final }, 'job failed');
    },
    datasetUploaded({ id, records, bytes }: { id: string; records: number; bytes: number }) {
      uploaded.inc();
      uploadedBytes.inc(bytes);
      logger.info({ id, records, bytes }, 'data set uploaded');
    },
    trainingEnded({ id, state }: { id: string; state: string }) {
      trainings.inc({ state });
      logger.info({ id, state }, 'training job ended');
    },
    deploymentSettled({ id, state }: { id: string; state: string }) {
      deployments.inc({ state });
      logger.info({ id, state }, 'deployment settled');
    },
    blobsSwept({ blobs, strayFiles, aside }: { blobs: number; strayFiles: number; aside: number }) {
      swept.inc(blobs);
      if (blobs + strayFiles + aside > 0) logger.info({ blobs, strayFiles, aside }, 'blobs swept');
    },
  };
}
