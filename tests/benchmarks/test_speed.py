"""Each benchmark of speed runs on a tiny corpus and writes what it found with machine, versions and commit."""

import json
import mmap
import platform
import time

import pytest
import torch

from benchmarks import gpu_extraction, measure

SENTENCES = ["I am so happy today", "this makes me furious and sad", "what a lovely, lovely day it was", "I hate it"]


@pytest.fixture
def corpus(tmp_path) -> str:
    """Forty rows of two labels."""
    file = tmp_path / "corpus.jsonl"
    rows = ({"text": f"{SENTENCES[i % 4]} {i // 8}", "label": "good" if i % 2 else "bad"} for i in range(40))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def written(path) -> dict:
    found = json.loads(path.read_text())
    assert {"benchmark", "rows", "machine", "versions", "commit"} <= found.keys()
    assert torch.__version__.startswith(found["versions"]["torch"].split("+")[0])
    return found


def test_ways_are_timed_in_turn():
    order: list[str] = []
    seconds = measure.in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b", "a", "b"]
    assert [len(values) for values in seconds.values()] == [2, 2]


def test_memory_at_its_peak_is_seen_and_pages_of_files_are_told_apart(tmp_path):
    (tmp_path / "file").write_bytes(b"1" * 2**26)
    with measure.peak_memory(every=0.01) as before:
        pass
    with measure.peak_memory(every=0.01) as mapped, (tmp_path / "file").open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert sum(content[::4096])
        time.sleep(0.05)
        content.close()
    with measure.peak_memory(every=0.01) as held:
        block = torch.ones(2**24)
        time.sleep(0.05)
        del block
    assert held["peak_without_files"] > before["peak_without_files"] + 50  # of 64 MiB
    if platform.system() == "Linux":
        assert mapped["peak_memory"] > before["peak_memory"] + 50
        assert mapped["peak_without_files"] < before["peak_without_files"] + 14


def test_model_flops_are_those_that_torch_counts():
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModel

    for name, (config, _) in gpu_extraction.architectures(tiny=True).items():
        model = AutoModel.from_config(config, attn_implementation="eager").eval()
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model(input_ids=torch.full((2, 9), 7), attention_mask=None)
        # The counter sees what is not in the layers too: a pooler, rotary angles.
        assert measure.model_flops(config, [9, 9]) == pytest.approx(counter.get_total_flops(), rel=0.02), name


def test_extraction_compares_our_features_with_sentence_transformers(corpus, tmp_path):
    extraction = pytest.importorskip("benchmarks.extraction", reason="requirements-benchmarks.txt is not installed")
    arguments = ["--dataset", corpus, "--texts", "12", "--slow_texts", "2", "--repeats", "1", "--batch_sizes", "4"]
    extraction.main([*arguments, "--json", str(tmp_path / "out.json")])
    found = written(tmp_path / "out.json")
    cosine = {row["way"]: row["least_cosine"] for row in found["rows"] if row["least_cosine"]}
    assert len(cosine) >= 4  # and one each of the engines that are installed
    assert min(cosine.values()) > 0.999
    assert all(row["texts_a_second"] > 0 for row in found["rows"])


def test_training_times_an_epoch_by_both_ways(corpus, tmp_path):
    training = pytest.importorskip("benchmarks.training", reason="requirements-benchmarks.txt is not installed")
    arguments = ["--dataset", corpus, "--cache_dir", str(tmp_path), "--repeats", "1", "--batch_size", "8"]
    training.main([*arguments, "--json", str(tmp_path / "out.json")])
    rows = written(tmp_path / "out.json")["rows"]
    assert [row["way"] for row in rows] == ["bare loop, tensors in memory", "Trainer, memory-mapped"]
    assert rows[0]["times_bare"] == 1


def test_the_gpu_benchmark_runs_tiny_on_a_cpu_and_says_when_there_is_no_gpu(corpus, tmp_path, capsys):
    arguments = ["--dataset", corpus, "--texts", "8", "--naive_texts", "3", "--naive_batch", "2", "--repeats", "1"]
    file = tmp_path / "out.json"
    gpu_extraction.main([*arguments, "--tiny", "--device", "cpu", "--json", str(file)])
    assert [row["backbone"] for row in written(file)["rows"]] == ["Llama-2-7b", "BERT-large", "RoBERTa-large"]
    if not torch.cuda.is_available():
        assert gpu_extraction.main([]) is None
        assert "There is no GPU here" in capsys.readouterr().out


@pytest.mark.slow
def test_whole_jobs_are_compared_from_an_empty_cache(corpus, tmp_path):
    training = pytest.importorskip("benchmarks.training", reason="requirements-benchmarks.txt is not installed")
    arguments = [
        "--dataset",
        corpus,
        "--part",
        "job",
        "--setfit_examples",
        "2",
        "--setfit_steps",
        "1",
        "--min_steps",
        "1",
    ]
    training.main([*arguments, "--num_train_epochs", "1", "--json", str(tmp_path / "out.json")])
    rows = written(tmp_path / "out.json")["rows"]
    assert [row["way"].split(",")[0].split(" (")[0] for row in rows] == [
        "train.py",
        "sentence-transformers + LogisticRegression",
        "SetFit-style: tuned on pairs first",
    ]
    assert all(0 <= row["macro_f1"] <= 1 and row["seconds"] > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("label_mode", ["single", "multi"])
def test_few_examples_are_learnt_by_both_ways_and_scored_on_the_same_texts(tmp_path, label_mode):
    few = pytest.importorskip("benchmarks.few_examples", reason="requirements-benchmarks.txt is not installed")
    for split, size in (("train", 120), ("validation", 24)):
        rows = [{"text": f"{SENTENCES[i % 4]} {i // 4}", "labels": [["joy"], ["anger"]][i % 2]} for i in range(size)]
        if label_mode == "multi":
            rows = [row | {"labels": row["labels"] + ["strong"] * (i % 4 == 1)} for i, row in enumerate(rows)]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    few.main(f"--dataset {tmp_path} --rows 60 --seeds 1 --label_mode {label_mode} --json {tmp_path}/out.json".split())
    rows = written(tmp_path / "out.json")["rows"]
    assert [row["way"] for row in rows] == ["train.py", "LogisticRegression"]
    # Each text is one of the four sentences with a number behind it, so that both ways learn them.
    assert all(float(row["accuracy"].split()[0]) > 0.9 for row in rows), rows


@pytest.mark.slow
def test_two_processes_extract_the_same_bits_as_one(corpus, tmp_path):
    scaling = pytest.importorskip("benchmarks.scaling", reason="requirements-benchmarks.txt is not installed")
    scaling.main(["--dataset", corpus, "--sizes", "40", "--processes", "1", "2", "--json", str(tmp_path / "out.json")])
    rows = written(tmp_path / "out.json")["rows"]
    assert [(row["processes"], row["equal_to_first"]) for row in rows] == [(1, "True"), (2, "True")]
