/** The other side of a report: whoever keeps the figures of runs. */
export type ReportedStep = {
  step: number;
  at: Date;
  /** By the names under which they are kept. */
  metrics: Record<string, number>;
};

export type ReportedRun = {
  /** The job's id: the same run is the same to the other side, however often it is told. */
  id: string;
  name: string;
  /** W&B's project, MLflow's experiment. */
  group: string;
  startedAt: Date;
  parameters: Record<string, unknown>;
};

/** What the other side calls a run; kept as it is. */
export type RemoteRun = Record<string, string>;

export interface Sink {
  /** Makes the run known, once or again. */
  begin(run: ReportedRun, signal: AbortSignal): Promise<{ remote: RemoteRun; url: string }>;
  /** `line`: how many steps were sent before. The same steps sent again count once. */
  log(remote: RemoteRun, steps: readonly ReportedStep[], line: number, signal: AbortSignal): Promise<void>;
  finish(remote: RemoteRun, state: 'succeeded' | 'failed' | 'cancelled', at: Date, signal: AbortSignal): Promise<void>;
}
