import type { GgufTensorSource } from '@atelier/llama/gguf';

/** Called before each tensor: its name, how many were finished before it and how many there are. */
export type Report = (progress: { tensor: string; done: number; total: number }) => void;

/** The same tensors, each reporting when its turn comes. */
export function counted(tensors: readonly GgufTensorSource[], report: Report | undefined): GgufTensorSource[] {
  return tensors.map((tensor, done) => ({
    ...tensor,
    data: () => {
      report?.({ tensor: tensor.name, done, total: tensors.length });
      return tensor.data();
    },
  }));
}
