"""`model.push_to_hub` of transformers, called as on any model: what arrives loads and gives the same scores."""

import json

import pytest
from hub.clients import answer

PUSH = """
import json, sys
from transformers import AutoModelForSequenceClassification
for folder, repo in json.loads(sys.argv[1]):
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    model.push_to_hub(repo, commit_message="From a notebook")
    model.push_to_hub(repo, revision="trial")
print(json.dumps({}))
"""
COMPARE = """
import json, sys
from transformers import AutoModel, pipeline
texts = ["You did what?! I am so proud of you!", "Why would anyone do that?", ""]
gaps = {}
for folder, repo in json.loads(sys.argv[1]):
    local = AutoModel.from_pretrained(folder, trust_remote_code=True)
    want = [{a["label"]: a["score"] for a in ranked} for ranked in local.predict(texts, top_k=None)]
    for revision in ("main", "trial"):
        classify = pipeline("text-classification", model=repo, revision=revision, trust_remote_code=True)
        found = [{a["label"]: a["score"] for a in ranked} for ranked in classify(texts, top_k=None)]
        gaps[f"{repo} {revision}"] = max(abs(a[k] - b[k]) for a, b in zip(want, found, strict=True) for k in a)
print(json.dumps(gaps))
"""


@pytest.mark.slow
def test_a_model_that_is_pushed_from_python_loads_elsewhere(hub, client, trained):
    pairs = [(str(trained[name]), f"alice/pushed-{name}") for name in ("plain", "bundled")]
    pushed = client(["-c", PUSH, json.dumps(pairs)], token="alice-write", isolated=True)
    assert pushed.returncode == 0, pushed.stderr[-3000:]
    repo = hub.app.store.repos["models", "alice/pushed-bundled"]
    assert "backbones/minilm/model.safetensors" in repo.find("main").tree
    assert len(repo.commits) == 2, "the initial commit and one with everything; the second push has nothing new"
    assert repo.branches["trial"] == repo.branches["main"]
    gaps = answer(client(["-c", COMPARE, json.dumps(pairs)], home="stranger", isolated=True))
    assert len(gaps) == 4
    assert max(gaps.values()) <= 1e-5, gaps
