/** Shows a training run while it runs: step, loss, validation loss, tokens a second and time left, from the run's own events. */
import { readFile } from 'node:fs/promises';
import { runEventSchema, type RunEvent } from '@atelier/tuner/contract';
import { SingleBar } from 'cli-progress';

type Seen = { total: number; step: number; loss: string; validation: string; speed: string; left: string };

const nothing: Seen = { total: 0, step: 0, loss: '-', validation: '-', speed: '-', left: '-' };

/** Without a terminal, a line each time this much more is done. */
const share = 0.1;

export class TrainingProgress {
  readonly #events: string;
  readonly #bar = new SingleBar({
    format: '  {bar} step {value}/{total}  loss {loss}  validation {validation}  {speed} tokens/s  {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: false,
  });
  #started = false;
  #reported = -1;
  /** Tokens trained on, and the seconds that took. */
  tokens = 0;
  seconds = 0;

  /** `events` is the run's events.jsonl. */
  constructor(events: string) {
    this.#events = events;
  }

  async update(): Promise<void> {
    // The server removes a run's directory when the job is over; what was seen last stays.
    const text = await readFile(this.#events, 'utf8').catch(() => undefined);
    if (text === undefined) return;
    const events = text
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => runEventSchema.safeParse(JSON.parse(line)).data ?? []);
    const seen = this.#read(events);
    if (seen.total > 0) this.#show(seen);
  }

  stop(): void {
    if (this.#started) this.#bar.stop();
  }

  #read(events: readonly RunEvent[]): Seen {
    const seen = { ...nothing };
    let began: number | undefined;
    let tokens = 0;
    for (const event of events) {
      if (event.type === 'plan') {
        seen.total = event.totalSteps;
        began = event.at;
      } else if (event.type === 'validation') seen.validation = event.loss.toFixed(3);
      else if (event.type === 'step') {
        tokens += event.tokens;
        seen.step = event.step;
        seen.loss = event.loss.toFixed(3);
        seen.speed = event.tokensPerSecond.toFixed(0);
        seen.left = `${Math.ceil(event.secondsLeft)} s`;
        this.seconds = event.at - (began ?? event.at);
      }
    }
    this.tokens = tokens;
    return seen;
  }

  #show(seen: Seen): void {
    const { step, total, ...rest } = seen;
    if (!process.stdout.isTTY) {
      if (step < total && step < this.#reported + share * total && this.#reported >= 0) return;
      if (step === this.#reported) return;
      this.#reported = step;
      console.log(
        `  step ${step}/${total}  loss ${rest.loss}  validation ${rest.validation}  ${rest.speed} tokens/s  ${rest.left} left`,
      );
    } else if (this.#started) this.#bar.update(step, rest);
    else {
      this.#started = true;
      this.#bar.start(total, step, rest);
    }
  }
}
