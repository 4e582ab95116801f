"""The reference of `npm run bench -- tuner --gpu ...`: a Llama of Hugging Face's transformers trained by PEFT's LoRA.

Speaks the protocol of reference.py. Weights are random; the frozen ones are BF16 on a GPU, and F32 on a CPU.
"""
import json
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

settings = json.loads(sys.stdin.readline())
shape = settings["model"]
device = settings["device"]
if device == "cuda" and not torch.cuda.is_available():
    sys.exit("this PyTorch sees no CUDA device")
torch.manual_seed(0)
torch.set_num_threads(settings["threads"])
torch.set_default_dtype(torch.bfloat16 if device == "cuda" else torch.float32)
with torch.device(device):
    model = LlamaForCausalLM(LlamaConfig(
        hidden_size=shape["width"], num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kvHeads"], intermediate_size=shape["feedForward"], vocab_size=shape["vocabulary"],
        max_position_embeddings=shape["length"], tie_word_embeddings=True, use_cache=False))
torch.set_default_dtype(torch.float32)
model = get_peft_model(model, LoraConfig(
    r=settings["rank"], lora_alpha=settings["alpha"], lora_dropout=0.0, task_type="CAUSAL_LM",
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]))
model.train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0)
batches = [torch.tensor([row["tokens"] for row in batch], device=device) for batch in settings["batches"]]

position = 0
for line in sys.stdin:
    started, tokens = time.perf_counter(), 0
    for _ in range(int(line)):
        inputs = batches[position % len(batches)]
        position += 1
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            loss = model(input_ids=inputs, labels=inputs).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        tokens += inputs.numel()
    value = loss.item()
    print(json.dumps({"seconds": time.perf_counter() - started, "tokens": tokens, "loss": value}), flush=True)
peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
print(json.dumps({"peakBytes": peak}), flush=True)
