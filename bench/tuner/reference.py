"""The reference of `npm run bench -- tuner`: a Llama in plain PyTorch, trained the way its users train it.

Reads one JSON line of settings, then runs as many optimizer steps as each further line on standard input says, and
answers each line with {"seconds", "tokens", "loss"}. Ends at end of input with {"peakBytes"}.
"""
import json
import math
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

settings = json.loads(sys.stdin.readline())
torch.set_num_threads(settings["threads"])
torch.manual_seed(0)
shape = settings["model"]
width, layers, heads, kv_heads, hidden, vocabulary = (
    shape[key] for key in ("width", "layers", "heads", "kvHeads", "feedForward", "vocabulary"))
head_size = width // heads
lora = settings["method"] != "full"
rank, alpha = settings["rank"], settings["alpha"]


class Linear(nn.Module):
    """A weight matrix; under LoRA frozen, with the low-rank pair beside it as PEFT puts it."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * 0.02, requires_grad=not lora)
        if lora:
            self.a = nn.Parameter(torch.empty(rank, inputs))
            nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))
            self.b = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x):
        y = F.linear(x, self.weight)
        return y + F.linear(F.linear(x, self.a), self.b) * (alpha / rank) if lora else y


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width), requires_grad=not lora)

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x, cos, sin):
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = Norm(), Norm()
        self.q, self.o = Linear(width, width), Linear(width, width)
        self.k, self.v = Linear(width, kv_heads * head_size), Linear(width, kv_heads * head_size)
        self.gate, self.up, self.down = Linear(width, hidden), Linear(width, hidden), Linear(hidden, width)

    def forward(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        h = self.norm1(x)
        q = rotate(self.q(h).view(batch, length, heads, head_size).transpose(1, 2), cos, sin)
        k = rotate(self.k(h).view(batch, length, kv_heads, head_size).transpose(1, 2), cos, sin)
        v = self.v(h).view(batch, length, kv_heads, head_size).transpose(1, 2)
        if kv_heads != heads:
            k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(head_size) + mask
        mixed = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.o(mixed)
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.embedding.weight.requires_grad = not lora
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.norm = Norm()

    def forward(self, tokens):
        length = tokens.shape[1]
        angles = torch.arange(length)[:, None] / (10000 ** (torch.arange(0, head_size, 2) / head_size))[None]
        mask = torch.triu(torch.full((length, length), float("-inf")), 1)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin(), mask)
        return F.linear(self.norm(x), self.embedding.weight)


model = Model()
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.0)


def padded(rows):
    length = max(len(row["tokens"]) for row in rows)
    tokens = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full((len(rows), length), -100, dtype=torch.long)
    for i, row in enumerate(rows):
        tokens[i, : len(row["tokens"])] = torch.tensor(row["tokens"])
        for j, weight in enumerate(row["weights"]):
            if weight > 0:
                labels[i, j] = row["tokens"][j]
    return tokens, labels, sum(len(row["tokens"]) for row in rows)


batches = [padded(rows) for rows in settings["batches"]]
position = 0
for line in sys.stdin:
    started, tokens, loss = time.perf_counter(), 0, None
    for _ in range(int(line)):
        inputs, labels, count = batches[position % len(batches)]
        position += 1
        logits = model(inputs)
        loss = F.cross_entropy(logits[:, :-1].reshape(-1, vocabulary), labels[:, 1:].reshape(-1), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        tokens += count
    print(json.dumps({"seconds": time.perf_counter() - started, "tokens": tokens, "loss": loss.item()}), flush=True)
print(json.dumps({"peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
