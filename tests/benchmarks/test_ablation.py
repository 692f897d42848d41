"""The ablation's variants: each lacks one part and is still a recipe; what was measured is not trained again."""

import json
import sys
from pathlib import Path

import pytest
import yaml

import train
from benchmarks import ablation
from common.recipes import FOLDER, load_recipe


def recipe(name: str) -> dict:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["minilm", "minilm_tuned", "llmembed"])
def test_every_variant_is_a_recipe_of_its_own(name, tmp_path):
    found = ablation.variants(recipe(name))
    assert found[ablation.FULL] == recipe(name)
    contents = [json.dumps(content, sort_keys=True) for content in found.values()]
    assert len(set(contents)) == len(contents)
    for number, content in enumerate(found.values()):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        load_recipe(str(file))


def test_a_removed_backbone_takes_its_average_along():
    without = ablation.variants(recipe("llmembed"))["without llama2"]
    assert [spec["name"] for spec in without["backbones"]] == ["bert", "roberta"]
    assert without["head"]["average_backbone"] is None


def test_of_three_backbones_each_is_tried_alone():
    found = ablation.variants(recipe("llmembed"))
    for name in ("llama2", "bert", "roberta"):
        assert [one["name"] for one in found[f"{name} alone"]["backbones"]] == [name]
    assert found["llama2 alone"]["head"]["average_backbone"] == "llama2"
    assert found["bert alone"]["head"]["average_backbone"] is None


def test_a_backbone_read_from_elsewhere_is_so_in_every_variant_that_has_it(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(train, "run", lambda command: asked.append(yaml.safe_load(Path(command[1]).read_text())) or 1)
    flags = ["--recipe", "llmembed", "--backbone", "bert=/there/bert"]
    monkeypatch.setattr(sys, "argv", ["ablation", *flags, "--only", "bert alone"])
    with pytest.raises(SystemExit, match="failed"):
        ablation.main()
    assert [one["model_id"] for one in asked[0]["backbones"]] == ["/there/bert"]
    monkeypatch.setattr(sys, "argv", ["ablation", "--recipe", "llmembed", "--backbone", "bret=/there"])
    with pytest.raises(SystemExit):
        ablation.main()


def test_what_the_file_holds_is_not_trained_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "figures.json"
    trained = []

    def run(command: list[str]) -> int:
        trained.append(yaml.safe_load(Path(command[1]).read_text(encoding="utf-8")))
        folder = tmp_path.joinpath(command[command.index("--output_dir") + 1])
        folder.mkdir()
        figures = {"accuracy": {"mean": 0.5, "std": 0.01}, "per_label": {}}
        report = {"validation": figures, "timings": {"train_seconds": 1.0}, "commit": "abc"}
        (folder / "metrics.json").write_text(json.dumps(report), encoding="utf-8")
        return 0 if len(trained) < 3 else 1

    monkeypatch.setattr(train, "run", run)
    monkeypatch.setattr(sys, "argv", ["ablation", "--json", str(file)])
    with pytest.raises(SystemExit, match="failed"):
        ablation.main()
    assert len(json.loads(file.read_text(encoding="utf-8"))) == 2
    trained.clear()
    monkeypatch.setattr(sys, "argv", ["ablation", "--json", str(file), "--only", ablation.FULL])
    ablation.main()
    assert trained == []
    assert "the recipe" in capsys.readouterr().out
