"""Recipes as files: what is one, and what is not."""

import hashlib
from pathlib import Path

import pytest
import torch
from standins import standin

from common.recipes import DEFAULT_RECIPE, RecipeError, load_recipe, names
from extraction.features import pin
from fusion_model import BackboneEncoder
from fusion_model.backbones import MINILM

BACKBONE = "backbones:\n  - {name: tiny, model_id: user/tiny}\n"


@pytest.fixture
def write(tmp_path):
    def to_file(content: str | bytes, name: str = "mine.yaml") -> str:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(file)

    return to_file


def test_the_shipped_recipes_are_there():
    assert {DEFAULT_RECIPE, "llmembed", "distilbert_finetune"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_shipped_recipe_loads_by_name(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.backbones or recipe.defaults["lexical"]
    assert "\n" not in recipe.description


def test_a_recipe_of_ones_own_loads_by_path(write):
    recipe = load_recipe(write(BACKBONE + "head: {dropout: 0.1}\ntraining: {seed: 3}\n"))
    assert recipe.name == "mine"
    assert recipe.defaults == {"dropout": 0.1, "seed": 3}
    assert recipe.backbones[0].pooling == ("mean",)


def test_empty_sections_are_as_good_as_none(write):
    recipe = load_recipe(write(BACKBONE + "description:\nhead:\ntraining:\n"))
    assert recipe.defaults == {}
    assert recipe.description == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: expected the sections"),
        ("# nothing\n", "is empty"),
        ("- a\n- b\n", "is a list: expected the sections"),
        ("just words\n", "is a str: expected the sections"),
        ("a: [1\n", "is not valid YAML"),
        (b"\xff\xfe\x00a", "is not valid YAML"),
        ("backbones: 2020-13-45\n", "is not valid YAML: month must be in"),
        (BACKBONE + "trianing: {}\n", "unknown section 'trianing'. Did you mean 'training'?"),
        (BACKBONE + "1: {}\n", "unknown section '1'"),
        (BACKBONE + "training: [a]\n", "section 'training' of the recipe 'mine' must hold `key: value` lines"),
        (BACKBONE + "description: [a]\n", "section 'description' of the recipe 'mine' must hold a sentence"),
        ("backbones: {name: tiny, model_id: a}\n", "section 'backbones' .* must hold a list of backbones"),
        ("training: {}\n", "names no backbones.*`lexical: true`"),
        ("training: {lexical: 1}\n", "names no backbones"),
        ("backbones: [tiny]\n", "expected a dict"),
        ("backbones:\n  - {name: tiny, model_id: a, layer: [1]}\n", "unknown key"),
        ("backbones:\n  - {name: tiny, model_id: a, layers: {a: 1}}\n", "layers is"),
        ("backbones:\n  - {name: tiny, model_id: a, pooling: [[mean]]}\n", "pooling is"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_sentence(write, content, message):
    with pytest.raises(RecipeError, match=message.replace("?", r"\?")) as error:
        load_recipe(write(content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['touch {}']", "!!python/name:os.system", "!own x"])
def test_tags_are_refused_and_run_nothing(write, tmp_path, tag):
    trace = tmp_path / "trace"
    with pytest.raises(RecipeError, match="is not valid YAML: could not determine a constructor"):
        load_recipe(write(BACKBONE + f"training:\n  seed: {tag.format(trace)}\n"))
    assert not trace.exists()


def test_an_unknown_name_says_what_is_nearest_and_how_to_give_a_path():
    with pytest.raises(RecipeError, match=r"no recipe 'lmembed'. Did you mean 'llmembed'\? A recipe of your own"):
        load_recipe("lmembed")


def test_a_name_that_is_near_to_none_lists_them():
    with pytest.raises(RecipeError, match=r"Known are .*'minilm'"):
        load_recipe("qqqqqqqq")


@pytest.mark.parametrize("name", ["gone.yaml", "", ".", "/"])
def test_what_is_no_file_is_refused(name):
    with pytest.raises(RecipeError, match="There is no recipe"):
        load_recipe(name)


def test_a_folder_is_no_recipe(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(RecipeError, match="There is no recipe"):
        load_recipe(str(tmp_path / "folder.yaml"))


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A backbone's folder in an installed Python package, `my_reader/model`."""
    (tmp_path / "site" / "my_reader").mkdir(parents=True)
    (tmp_path / "site" / "my_reader" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    return standin("bert", tmp_path / "site" / "my_reader" / "model")


def naming(folder: Path, files: tuple[str, ...] = ("model.safetensors", "tokenizer.json", "config.json")) -> str:
    """A recipe whose backbone is that package's."""
    digests = "".join(f"      {file}: {hashlib.sha256((folder / file).read_bytes()).hexdigest()}\n" for file in files)
    return (
        "backbones:\n  - name: mine\n    model_id: someone/my-reader\n    max_length: 32\n"
        f"    package: my_reader/model\n    sha256:\n{digests}"
    )


def test_a_recipe_of_ones_own_takes_its_backbone_from_a_package(write, package):
    (backbone,) = load_recipe(write(naming(package))).backbones
    packaged = BackboneEncoder(pin(backbone))
    assert packaged.location == str(package)
    folder = BackboneEncoder(backbone.replace(model_id=str(package)))
    assert torch.equal(packaged.encode(["I hate this."]), folder.encode(["I hate this."]))


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_package_whose_file_has_another_digest_is_refused(write, package, file):
    content = naming(package)
    with (package / file).open("ab") as stream:
        stream.write(b" ")  # JSON stays JSON
    (backbone,) = load_recipe(write(content)).backbones
    with pytest.raises(ValueError, match="sha256") as error:
        BackboneEncoder(backbone).encode(["I hate this."])
    assert str(package / file) in str(error.value)
    assert "Install the package 'my_reader' again" in str(error.value)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("    package: ../elsewhere\n", "package"),
        ("    package: my_reader/../model\n", "package"),
        ("    package: my_reader/model\n", "sha256"),
        ("    package: my_reader/model\n    sha256: {config.json: abc}\n", "model.safetensors"),
    ],
)
def test_a_package_is_named_by_a_plain_path_and_the_digest_of_its_weights(write, line, named):
    with pytest.raises(RecipeError, match="mine") as error:
        load_recipe(write(f"backbones:\n  - name: mine\n    model_id: someone/my-reader\n{line}"))
    assert named in str(error.value)


@pytest.mark.parametrize("name", ["minilm", "minilm_tuned"])
def test_minilm_is_named_by_its_recipe_as_older_configs_mean_it(name):
    for backbone in load_recipe(name).backbones:
        assert {key: getattr(backbone, key) for key in MINILM} == MINILM
        assert f"package: {MINILM['package']}" in (Path("hub_config/recipes") / f"{name}.yaml").read_text()
