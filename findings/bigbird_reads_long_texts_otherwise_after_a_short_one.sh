#!/usr/bin/env bash
# What: a BigBird of transformers that once reads a text too short for its sparse attention switches to full attention
#   for good. What it says of a long text thus depends on whether a short one came before it, in evaluation mode too.
# Why it matters: features of a corpus depend on its order, and a cached feature cannot be computed again.
# Instead: call set_attention_type("original_full") after loading, or let the model read one short text first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.13.0
"$folder/venv/bin/python" - <<'PY'
import torch
import transformers
from transformers import BigBirdConfig, BigBirdModel

torch.manual_seed(0)
config = BigBirdConfig(
    vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=256, block_size=4, num_random_blocks=1, initializer_range=0.3,
)
model = BigBirdModel(config).eval()
long, short = torch.randint(5, 100, (1, 120)), torch.tensor([[2, 7, 3]])
with torch.no_grad():
    first = model(input_ids=long).last_hidden_state
    again = model(input_ids=long).last_hidden_state
    model(input_ids=short)
    after = model(input_ids=long).last_hidden_state
unchanged, changed = (first - again).abs().max().item(), (first - after).abs().max().item()
print(f"transformers {transformers.__version__}, torch {torch.__version__}")
print("expected: in evaluation mode a text's hidden states do not depend on the texts before it")
print(f"seen: they differ by {unchanged:.1g} when it is read twice, by {changed:.2g} when a short text is read between")
assert unchanged < 1e-6, "two runs differ anyway"
assert changed > 0.1, "a short text changes nothing now: this finding is out of date"
PY
