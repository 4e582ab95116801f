import type { Engine } from '@atelier/engine';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What the engine counts, read whenever metrics are asked for. */
export function addEngineMetrics(registry: Registry, engine: Engine): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) => {
    const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) });
  };
  const counter = (name: string, help: string, read: () => number) => {
    const metric: Counter = new Counter({
      name,
      help,
      registers,
      collect() {
        metric.reset();
        metric.inc(read());
      },
    });
  };
  gauge('atelier_generations_running', 'Generations under way', () => engine.status().running);
  gauge('atelier_generations_waiting', 'Generations that wait for their turn', () => engine.status().waiting);
  gauge('atelier_runners', 'Base models that are loaded', () => engine.status().runners.length);
  gauge(
    'atelier_models_quarantined',
    'Models that are no longer loaded because they crashed',
    () => engine.status().quarantined.length,
  );
  counter('atelier_prompt_tokens_total', 'Tokens read', () => engine.status().promptTokens);
  counter('atelier_completion_tokens_total', 'Tokens generated', () => engine.status().completionTokens);
  counter('atelier_runner_crashes_total', 'Model processes that ended by themselves', () => engine.status().crashes);
}
