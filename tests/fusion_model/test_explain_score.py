"""`explain_score` follows a score from token ids to probability."""

import re

from fusion_model.explain_score import explain_score, main


def test_the_parts_times_their_weights_over_the_temperature_are_the_score_that_predict_gives(make_model):
    model = make_model(temperature=1.7, num_members=2)
    text = "You did what?! I am so proud of you!"
    lines = list(explain_score(model, text, top_k=2))
    best = model.predict([text], top_k=2)[0]
    starts = [lines.index(f"{entry['label']}:") for entry in best]
    for start, entry in zip(starts, best, strict=True):
        block = lines[start + 1 : start + 6]
        parts = [re.search(r"logit (\S+), weight (\S+)", line) for line in block]
        total = sum(float(found[1]) * float(found[2]) for found in parts if found)
        temperature, said = next(m.groups() for line in block if (m := re.search(r"temperature (\S+): (\S+)", line)))
        assert abs(total / float(temperature) - float(said)) < 1e-3
        assert any(f"score {entry['score']:.4f}" in line for line in block)


def test_token_ids_dtype_and_a_norm_for_each_slot_are_shown(make_model):
    model = make_model()
    lines = "\n".join(explain_score(model, "ok"))
    for backbone in model.config.backbones:
        (ids,) = model.encoder(backbone.name).tokenize(["ok"])
        assert f"{len(ids)} token ids of at most 48: {ids}" in lines
    assert lines.count("dtype float32") == 3
    assert lines.count("norm") == model.config.num_slots


def test_the_command_prints_what_the_function_yields(make_model, capsys, tmp_path):
    model = make_model()
    model.save_pretrained(tmp_path / "model")
    main([str(tmp_path / "model"), "ok", "--top_k", "1"])
    printed = capsys.readouterr().out.splitlines()
    assert printed == list(explain_score(model, "ok", top_k=1))
