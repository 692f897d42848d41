"""The command line over a recipe: who wins, and what is refused in which words."""

import numpy as np
import pytest
import torch

from common.recipes import DEFAULT_RECIPE, RecipeError, names
from fusion_model.encoder import resolve_dtype
from training.arguments import WATCHED, parse
from training.trainer import quick_score, trainer_arguments


@pytest.fixture
def recipe(tmp_path):
    """Writes a recipe whose training section is the given lines, and returns its path."""

    def write(*lines: str, section: str = "training") -> str:
        body = "".join(f"  {line}\n" for line in lines)
        file = tmp_path / "mine.yaml"
        file.write_text(f"backbones:\n  - {{name: tiny, model_id: user/tiny}}\n{section}:\n{body}", encoding="utf-8")
        return str(file)

    return write


@pytest.mark.parametrize("name", names())
def test_every_shipped_recipe_parses(name):
    arguments = parse(["--recipe", name])
    assert arguments.recipe.name == arguments.training.recipe == name
    assert arguments.recipe.description.endswith(".")
    assert arguments.backbones or arguments.training.lexical
    assert arguments.training.output_dir == f"outputs/{name}-sample"


def test_no_flags_at_all_give_the_default_recipe_on_the_sample():
    arguments = parse([])
    assert arguments.recipe.name == DEFAULT_RECIPE
    assert arguments.data.dataset == "sample"


def test_flags_win_over_the_recipe_and_the_recipe_over_the_defaults(recipe):
    path = recipe("learning_rate: 0.5", "num_runs: 3")
    assert parse(["--recipe", path]).training.learning_rate == 0.5
    arguments = parse(["--recipe", path, "--learning_rate", "0.25"])
    assert arguments.training.learning_rate == 0.25
    assert arguments.training.num_runs == 3
    assert arguments.training.lexical_c == 2.0


def test_the_reference_recipe_is_the_reference():
    arguments = parse(["--recipe", "llmembed"])
    head, training = arguments.head, arguments.training
    assert (head.fusion_dim, head.sigma, head.dropout, head.hidden_sizes) == (1024, 1.0, 0.5, [1024, 256])
    assert (head.cooccurrence, head.average_backbone) == (True, "llama2")
    beyond = [head.standardise, head.scale_products, head.slot_skip, head.linear_skip, training.lexical]
    assert not any(beyond)


@pytest.mark.parametrize(("flags", "expected"), [(["false"], False), (["true"], True), ([], True)])
def test_booleans_are_flags_with_or_without_a_value(flags, expected):
    assert parse(["--lexical", *flags]).training.lexical is expected


def test_training_is_in_bfloat16_where_it_is_fast_unless_it_is_said_otherwise():
    fast = resolve_dtype("auto", torch.device("cpu")) == torch.bfloat16
    chosen = {flags: parse([*flags]).training for flags in ((), ("--bf16",), ("--bf16", "false"))}
    resolved = [trainer_arguments(options, metric_for_best_model="loss").bf16 for options in chosen.values()]
    assert resolved == [fast, True, False]


@pytest.mark.parametrize("metric", [*WATCHED, "auto"])
def test_whatever_picks_the_best_epoch_more_is_better_but_for_the_loss(metric):
    options = parse(["--metric_for_best_model", metric]).training
    assert trainer_arguments(options, metric_for_best_model="macro_f1").greater_is_better is True
    assert trainer_arguments(options, metric_for_best_model="loss").greater_is_better is False


@pytest.mark.parametrize("labels", [np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 2, 0])], ids=["several", "one"])
def test_everything_that_can_pick_the_best_epoch_is_scored(labels):
    wrong, right = (quick_score(9 * np.eye(3)[best] - 4, labels, 3) for best in ([1, 2, 0, 1], [0, 1, 2, 0]))
    assert set(right) == set(WATCHED) - {"loss"}
    assert all(wrong[name] < right[name] == 1 for name in right)


def test_the_folder_is_named_after_recipe_data_and_mode():
    assert parse(["--dataset", "my/data.csv"]).training.output_dir == f"outputs/{DEFAULT_RECIPE}-data"
    single = parse(["--dataset", "go_emotions", "--label_mode", "single"])
    assert single.training.output_dir == f"outputs/{DEFAULT_RECIPE}-go_emotions-single"
    trial = parse(["--dataset", "go_emotions", "--max_rows", "500"])
    assert trial.training.output_dir == f"outputs/{DEFAULT_RECIPE}-go_emotions-500rows", "not over the whole one's"
    assert parse(["--output_dir", "elsewhere"]).training.output_dir == "elsewhere"


def test_a_misspelt_key_in_a_recipe_names_the_nearest(recipe):
    with pytest.raises(RecipeError, match=r"'mine' has the unknown key 'lerning_rate'. Did you mean 'learning_rate'\?"):
        parse(["--recipe", recipe("lerning_rate: 1")])


@pytest.mark.parametrize("line", ["yes: 1", "recipe: minilm", "backbone: [a=b]", "zzz: 1"])
def test_a_key_that_is_none_is_refused_without_a_list_of_a_hundred(recipe, line):
    with pytest.raises(RecipeError, match="has the unknown key") as error:
        parse(["--recipe", recipe(line)])
    assert len(str(error.value)) < 200


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(RecipeError, match=r"no recipe 'minilmm'. Did you mean 'minilm'\?"):
        parse(["--recipe", "minilmm"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('learning_rate: "fast"', "'mine', learning_rate: .*invalid float value: 'fast'"),
        ("learning_rate:", "'mine', learning_rate: .*invalid float value"),
        ("learning_rate: 2020-12-05", "'mine', learning_rate: .*invalid float value"),
        ("learning_rate: {a: 1}", "'mine', learning_rate: .*invalid float value"),
        ("num_runs: 2.5", "'mine', num_runs: .*invalid int value: '2.5'"),
        ("min_steps: true", "'mine', min_steps: .*invalid int value: 'True'"),
        ("lexical: maybe", "'mine', lexical: .*got maybe"),
        ("num_train_epochs: [1, 2]", "'mine', num_train_epochs: one value is expected"),
        ("loss: bcee", "'mine', loss: .*invalid choice: 'bcee'"),
        ("optim: adam", "'mine', optim: .*invalid choice: 'adam'"),
        ("hidden_sizes: [wide]", "'mine', hidden_sizes: .*invalid int value: 'wide'"),
    ],
)
def test_a_recipes_value_of_the_wrong_kind_is_one_sentence(recipe, line, message):
    with pytest.raises(RecipeError, match=message) as error:
        parse(["--recipe", recipe(line)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("learning_rate: 1e-4", "learning_rate", 1e-4),  # YAML reads this as a string
        ("save_total_limit: null", "save_total_limit", None),
        ("warmup_steps: 0.1", "warmup_steps", 0.1),
        ("lr_scheduler_kwargs: {num_cycles: 2}", "lr_scheduler_kwargs", {"num_cycles": 2}),
        ("lexical: on", "lexical", True),
    ],
)
def test_a_recipes_values_are_read_as_a_flag_would_be(recipe, line, name, value):
    assert getattr(parse(["--recipe", recipe(line)]).training, name) == value


def test_a_head_without_hidden_layers_can_be_asked_for(recipe):
    assert parse(["--recipe", recipe("hidden_sizes: []", section="head")]).head.hidden_sizes == []


def test_a_backbone_is_replaced_by_name(recipe):
    path = recipe("num_runs: 1")
    (spec,) = parse(["--recipe", path, "--backbone", "tiny=/some/folder=x"]).backbones
    assert (spec.name, spec.model_id, spec.revision) == ("tiny", "/some/folder=x", None)


def test_each_backbone_flag_counts():
    by_one_flag = parse(["--recipe", "llmembed", "--backbone", "bert=a", "roberta=b"]).backbones
    by_two = parse(["--recipe", "llmembed", "--backbone", "bert=a", "--backbone", "roberta=b"]).backbones
    assert by_one_flag == by_two
    assert [spec.model_id for spec in by_two] == ["meta-llama/Llama-2-7b-chat-hf", "a", "b"]


@pytest.mark.parametrize("replacement", ["brt=a", "tiny", "tiny=", "=a"])
def test_a_replacement_that_replaces_nothing_is_refused(recipe, replacement):
    with pytest.raises(ValueError, match=r"expected NAME=ID_OR_FOLDER with a NAME of the recipe's \['tiny'\]"):
        parse(["--recipe", recipe("num_runs: 1"), "--backbone", replacement])


@pytest.mark.parametrize("flags", [["--learning_rate", "fast"], ["--loss", "x"], ["--recipe"]])
def test_a_wrong_flag_is_refused_with_the_usage(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(flags)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--lerning_rate", "1"], ["--lerning_rate=1"]])
def test_a_misspelt_flag_is_told_the_nearest_in_one_line(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(flags)
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "'--lerning_rate'" in said[0]
    assert "'--learning_rate'" in said[0]


@pytest.mark.parametrize(
    ("flag", "value", "least"),
    [
        ("num_runs", "0", "1"),
        ("max_rows", "-3", "1"),
        ("per_device_train_batch_size", "0", "1"),
        ("early_stopping_patience", "0", "1"),
        ("lexical_c", "0", "1e-06"),
        ("class_balanced_beta", "-1", "0"),
    ],
)
def test_a_number_out_of_its_range_is_refused(flag, value, least):
    with pytest.raises(ValueError, match=f"--{flag} is .*: expected {least} or more"):
        parse([f"--{flag}", value])


def test_a_losss_options_may_be_a_mapping_in_a_recipe(recipe):
    training = parse(["--recipe", recipe("loss: focal", "loss_options: {gamma: 1.5}")]).training
    assert training.loss_settings.options == {"gamma": 1.5}
    assert parse(["--loss", "focal", "--loss_options", "gamma=1"]).training.loss_settings.options == {"gamma": 1.0}


def test_a_flag_that_only_a_head_obeys_is_refused_where_no_head_is_trained():
    with pytest.raises(ValueError, match=r"--max_steps is 7, .*trains no head.*--finetune epochs"):
        parse(["--recipe", "distilbert_finetune", "--max_steps", "7"])


def test_a_class_balanced_beta_of_1_is_refused():
    with pytest.raises(ValueError, match=r"--class_balanced_beta is 1\.0: expected less than 1"):
        parse(["--class_balanced_beta", "1"])


def test_help_names_every_flag_of_ours(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    for flag in ("--dataset", "--recipe", "--backbone", "--lexical", "--num_runs", "--fusion_dim"):
        assert flag in shown
