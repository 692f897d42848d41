#!/usr/bin/env bash
# What: the tokenizers library's trainer of WordPiece vocabularies has no fixed order for pieces that are equally frequent.
#   The same texts and settings give other pieces, or the same ones with other ids, in the next process.
# Why it matters: weights learnt over one vocabulary mean nothing over another. A pipeline that trains its tokenizer again
#   in place of loading it, or a test that expects its numbers, is right in one process and wrong in the next.
# Instead: train a tokenizer once, save tokenizer.json with the model, and load that. For a test, write the vocabulary down.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
cat > "$folder/train.py" <<'PY'
import hashlib
import json

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

texts = ["so happy that you came to see me", "why did nobody tell me", "it is cold outside, is it not"]
tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[UNK]"], show_progress=False))
print(hashlib.sha256(json.dumps(tokenizer.get_vocab(), sort_keys=True).encode()).hexdigest()[:12])
PY
for _ in 1 2 3 4 5 6; do "$folder/venv/bin/python" "$folder/train.py"; done > "$folder/seen"
different=$(sort -u "$folder/seen" | wc -l)
echo "tokenizers 0.23.3"
echo "expected: the same three texts give the same vocabulary in each process"
echo "seen: $different different vocabularies in 6 processes"
test "$different" -gt 1 || { echo "one vocabulary now: this finding is out of date" >&2; exit 1; }
