"""Publishing a trained model with the real clients: what arrives, what is refused, what a second run completes."""

import json
import re
import shutil

import pytest
from hub.clients import answer
from hub_server import Fault, HubServer

PUBLISH = ["-m", "hub_config.publish"]
# Loads models every way a user does and holds their scores against a folder's.
COMPARE = """
import json, sys
from transformers import AutoModel, AutoModelForSequenceClassification, pipeline
texts = ["You did what?! I am so proud of you!", "Why would anyone do that?", ""]
def scores(answers):
    return [{a["label"]: a["score"] for a in ranked} for ranked in answers]
gaps, types = {}, set()
for folder, repo, revisions in json.loads(sys.argv[1]):
    model = AutoModel.from_pretrained(folder, trust_remote_code=True)
    local = scores(model.predict(texts, top_k=None))
    for revision in revisions:
        options = {"revision": revision, "trust_remote_code": True} if revision else {"trust_remote_code": True}
        for auto in (AutoModel, AutoModelForSequenceClassification):
            model = auto.from_pretrained(repo, **options)
            types.add(type(model).__name__)
            found = {auto.__name__: scores(model.predict(texts, top_k=None))}
            classify = pipeline("text-classification", model=repo, **options)
            found["pipeline"] = scores(classify(texts, top_k=None))
            for way, remote in found.items():
                gap = max(abs(a[k] - b[k]) for a, b in zip(local, remote, strict=True) for k in a)
                gaps[f"{repo} {revision} {way}"] = gap
print(json.dumps({"gaps": gaps, "types": sorted(types)}))
"""


def requests(hub: HubServer, pattern: str) -> list[tuple[str, str, int]]:
    return [entry for entry in hub.app.log if re.search(pattern, f"{entry[0]} {entry[1]}")]


@pytest.mark.slow
def test_a_published_model_gives_its_scores_by_id_tag_and_commit_in_a_clean_process(hub, client, trained):
    published = []
    for name in ("plain", "bundled"):
        run = client([*PUBLISH, str(trained[name]), "--repo_id", f"alice/{name}", "--tag", "v1"], token="alice-write")
        assert run.returncode == 0, run.stderr
        assert "scores equal to" in run.stdout
        repo = hub.app.store.repos["models", f"alice/{name}"]
        assert repo.tags["v1"] == repo.branches["main"]
        assert len(repo.commits) == 2, "the initial commit and one with everything"
        published.append((str(trained[name]), f"alice/{name}", [None, "v1", repo.branches["main"]]))
    tree = hub.app.store.repos["models", "alice/plain"].find("main").tree
    assert {"handler.py", "requirements.txt", "config.json", "model.safetensors", "README.md"} <= set(tree)
    assert not any(path.startswith("backbones/") for path in tree)
    card = (hub.app.store.objects / tree["README.md"].sha256).read_text()
    assert 'model="alice/plain"' in card

    hub.app.log.clear()
    outcome = answer(client(["-c", COMPARE, json.dumps(published)], home="stranger", isolated=True))
    assert len(outcome["gaps"]) == 2 * 3 * 3
    assert max(outcome["gaps"].values()) <= 1e-5, outcome["gaps"]
    assert outcome["types"] == ["FusionForSequenceClassification"]
    assert requests(hub, "GET /alice/bundled/resolve/.*/backbones/minilm/config.json")
    assert not requests(hub, "sentence-transformers")


@pytest.mark.slow
def test_a_commit_that_fails_leaves_nothing_and_a_second_run_completes(hub, client, trained):
    hub.app.faults.append(Fault("POST", "alice/again/commit", 500))
    command = [*PUBLISH, str(trained["plain"]), "--repo_id", "alice/again", "--tag", "v1"]
    first = client(command, token="alice-write")
    assert first.returncode == 1
    assert first.stderr.strip().splitlines()[-1] == (
        "error: The upload to 'alice/again' failed: the Hub has a fault of its own (500). Run the same command again "
        "later."
    )
    repo = hub.app.store.repos["models", "alice/again"]
    assert list(repo.find("main").tree) == [".gitattributes"]
    assert repo.tags == {}
    hub.app.log.clear()
    # The Hub goes away the moment it has taken the commit.
    hub.app.faults.append(Fault("POST", "alice/again/commit", done=True, stop=True))
    second = client(command, token="alice-write")
    assert second.returncode == 1
    assert "cannot be reached, or it cut the connection" in second.stderr
    assert requests(hub, "PUT /upload") == [], "what the first run had uploaded is not sent again"
    hub.stop()
    hub.start()
    third = client(command, token="alice-write")
    assert third.returncode == 0, third.stderr
    assert "nothing to send" in third.stdout
    assert repo.tags == {"v1": repo.branches["main"]}
    assert len(repo.commits) == 2


REFUSALS = """
import contextlib, io, json, os, sys, time
from hub_config.publish import main
outcomes = []
for token, arguments in json.loads(sys.argv[1]):
    os.environ.pop("HF_TOKEN", None)
    if token:
        os.environ["HF_TOKEN"] = token
    errors, started = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = main(arguments)
    outcomes.append({"status": status, "error": errors.getvalue().strip(), "seconds": time.perf_counter() - started})
print(json.dumps(outcomes))
"""


def refuse(client, cases: list[tuple[str | None, list[str]]]) -> list[str]:
    """Error texts of several publish commands, run in one process."""
    outcomes = answer(client(["-c", REFUSALS, json.dumps(cases)]))
    assert [outcome["status"] for outcome in outcomes] == [1] * len(cases), outcomes
    assert all("Traceback" not in outcome["error"] for outcome in outcomes)
    return [outcome["error"] for outcome in outcomes]


def test_who_may_not_publish_is_told_so_before_anything_is_sent(hub, client, trained):
    hub.app.store.seed("models", "alice/public", {"a.txt": b"a"})
    hub.app.store.repos["models", "alice/public"].tags["v1"] = (
        hub.app.store.repos["models", "alice/public"].find("main").id
    )
    folder = str(trained["plain"])
    cases = [
        (None, [folder, "--repo_id", "alice/new"]),
        ("nobody", [folder, "--repo_id", "alice/new"]),
        ("alice-read", [folder, "--repo_id", "alice/new"]),
        ("bob-write", [folder, "--repo_id", "alice/new"]),
        ("alice-write", [folder, "--repo_id", "alice/public", "--private"]),
        ("alice-write", [folder, "--repo_id", "alice/public", "--revision", "v1"]),
        ("alice-write", [folder, "--repo_id", "alice/new", "--create_pr"]),
        ("alice-write", [folder, "--repo_id", "alice/public", "--create_pr", "--tag", "v2"]),
        ("alice-write", [folder, "--repo_id", "alice/not/an/id"]),
    ]
    errors = refuse(client, cases)
    wanted = [
        "needs a token, and there is none. Log in with `hf auth login`, or set HF_TOKEN.",
        "the Hub does not know the token.",
        "The token of 'alice' may only read, and publishing to 'alice/new' needs a token that may write.",
        "'alice/new' is not in a namespace of this token's account, which are ['bob'].",
        "'alice/public' exists and is public, though --private was given.",
        "--revision v1 is a tag of 'alice/public': commits go to a branch.",
        "There is no 'alice/new' to open a pull request in. Leave out --create_pr.",
        "--tag and --create_pr exclude each other",
        "'alice/not/an/id'",
    ]
    for error, part in zip(errors, wanted, strict=True):
        assert part in error
    assert ("models", "alice/new") not in hub.app.store.repos
    assert requests(hub, "^(POST|PUT) ") == []


def test_what_must_not_be_published_is_named(hub, client, trained, tmp_path):
    def spoiled(name: str, change) -> str:
        folder = tmp_path / name
        shutil.copytree(trained["plain"], folder)
        change(folder)
        return str(folder)

    def replace(file: str, old: str, new: str):
        return lambda folder: (folder / file).write_text((folder / file).read_text().replace(old, new, 1))

    cases = {
        spoiled("pickle", lambda f: (f / "optimizer.pt").write_bytes(b"x")): "'optimizer.pt' is a pickle",
        spoiled(
            "disguised", lambda f: (f / "data.dat").write_bytes(b"\x80\x04\x95.")
        ): "'data.dat' is a pickle, or can be one",
        spoiled(
            "token", lambda f: (f / "notes.txt").write_text("hf_" + "a" * 34)
        ): "'notes.txt' holds what looks like an access token",
        spoiled(
            "path", replace("metrics.json", '"sample"', '"/home/me/data.csv"')
        ): "'metrics.json' names the path /home/me/data.csv of this machine",
        spoiled("hidden", lambda f: (f / ".env").write_text("A=1")): "'.env' is a hidden file",
        spoiled(
            "link", lambda f: (f / "extra.txt").symlink_to(trained["plain"] / "config.json")
        ): "is a link to a file",
        spoiled("card", replace("README.md", "license:", "licence:")): "lacks ['license'] in its front matter",
        spoiled("yaml", replace("README.md", "license:", "license: [")): "The card 'README.md' is not valid",
        spoiled("weights", lambda f: (f / "model.safetensors").write_bytes(b"x")): "'model.safetensors' cannot be read",
        spoiled("config", lambda f: (f / "config.json").write_text("{")): "'config.json' is not JSON",
        spoiled("missing", lambda f: (f / "metrics.json").unlink()): "['metrics.json'] missing",
        spoiled(
            "local", replace("config.json", "sentence-transformers/all-MiniLM-L6-v2", "my-folder")
        ): "The backbone 'minilm' is the folder 'my-folder' of this machine",
        spoiled(
            "bundle", replace("config.json", '"bundled": false', '"bundled": true')
        ): "'backbones/minilm' is missing",
        spoiled("code", replace("head.py", "import", "import ")): "'head.py' is not this project's, or of another",
        spoiled("auto_map", replace("config.json", "modeling_fusion.F", "a/b--evil.F")): "names ['a/b--evil.py']",
        str(tmp_path / "nowhere"): "There is no folder",
    }
    errors = refuse(client, [("alice-write", [folder, "--repo_id", "alice/bad"]) for folder in cases])
    for error, part in zip(errors, cases.values(), strict=True):
        assert part in error
    assert hub.app.log == []


def test_a_model_that_does_not_load_is_not_published(hub, client, trained, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(trained["plain"], folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "fusion_dim": 3}), encoding="utf-8")
    (error,) = refuse(client, [("alice-write", [str(folder), "--repo_id", "alice/broken"])])
    assert "does not load or predict in a fresh process: ValueError: The weights do not fit the configuration" in error
    assert ("models", "alice/broken") not in hub.app.store.repos


def test_a_hub_that_is_down_is_noticed_in_seconds(hub, client, trained):
    hub.stop()
    (outcome,) = json.loads(
        client(
            ["-c", REFUSALS, json.dumps([("alice-write", [str(trained["plain"]), "--repo_id", "alice/x"])])]
        ).stdout.splitlines()[-1]
    )
    assert "cannot be reached, and nothing was published" in outcome["error"]
    assert outcome["seconds"] < 10


UPLOADS = """
import json, sys
from pathlib import Path
from huggingface_hub import HfApi
from hub_config.remote import Target, compare, look, stale, upload
from hub_config.errors import PublishError
contents = {"README.md": b"---\\nlicense: apache-2.0\\n---\\n", "model.safetensors": b"x" * 2000, "config.json": b"{}"}
api, outcomes = HfApi(), {}
for name in json.loads(sys.argv[1]):
    outcomes[name] = []
    for attempt in range(2):
        target = Target(f"alice/{name}")
        try:
            state = look(api, target)
            if name == "race" and attempt == 0 and state.exists:
                api.upload_file(path_or_fileobj=b"theirs", path_in_repo="theirs.txt", repo_id=f"alice/{name}")
            commit = upload(api, target, state, compare(contents, state), stale(contents, state), "test")
        except PublishError as error:
            outcomes[name].append(str(error))
        else:
            outcomes[name].append(commit)
print(json.dumps(outcomes))
"""


def test_an_upload_that_meets_a_fault_says_what_it_was_and_a_second_run_completes(hub, client):
    store = hub.app.store
    store.seed("models", "alice/race", {"old.txt": b"old", "figures/old.png": b"old"})
    hub.app.faults += [
        Fault("POST", "alice/pause/commit", 429, {"Retry-After": "7"}),
        Fault("POST", "alice/fault/commit", 503),
        Fault("POST", "alice/cut/commit"),
        Fault("POST", "alice/lost/commit", done=True),
        Fault("POST", "alice/full/info|alice/full.git", 403),
        Fault("POST", "alice/slow.git/info/lfs/objects/batch", 429, {"Retry-After": "1"}),
        Fault("PUT", "/upload/", 500, skip=0),
    ]
    names = ["pause", "fault", "cut", "lost", "full", "slow", "race"]
    outcomes = answer(client(["-c", UPLOADS, json.dumps(names)], token="alice-write"))
    first = {name: outcome[0] for name, outcome in outcomes.items()}
    assert "asks for a pause (429, too many requests). Run the same command again in 7 seconds." in first["pause"]
    assert "the Hub has a fault of its own (503). Run the same command again later." in first["fault"]
    assert "cannot be reached, or it cut the connection" in first["cut"]
    assert "cannot be reached, or it cut the connection" in first["lost"]
    assert "the token may not do this" in first["full"]
    assert "somebody else committed to the repository meanwhile" in first["race"]
    assert re.fullmatch("[0-9a-f]{40}", first["slow"]), "a pause between files is waited for by the client itself"
    for name, (_, second) in outcomes.items():
        repo = store.repos["models", f"alice/{name}"]
        assert second == repo.branches["main"]
        assert {"README.md", "model.safetensors", "config.json"} <= set(repo.find("main").tree)
    assert len(store.repos["models", "alice/lost"].commits) == 2, "a commit whose answer was lost is not made twice"
    tree = store.repos["models", "alice/race"].find("main").tree
    assert {"old.txt", "theirs.txt"} <= set(tree), "what others put there stays"
    assert "figures/old.png" not in tree, "what an earlier upload of ours left goes"
    assert requests(hub, "PUT /upload/")[0][2] == 500


@pytest.mark.slow
def test_a_dry_run_sends_nothing_and_a_space_goes_up_beside_its_model(hub, client, trained):
    command = [*PUBLISH, str(trained["plain"]), "--repo_id", "alice/shown", "--space_id", "alice/demo"]
    dry = client([*command, "--dry_run"], token="alice-write")
    assert dry.returncode == 0, dry.stderr
    assert "model.safetensors" in dry.stdout
    assert "Space: alice/demo, showing alice/shown" in dry.stdout
    assert ("models", "alice/shown") not in hub.app.store.repos
    assert ("spaces", "alice/demo") not in hub.app.store.repos
    assert not requests(hub, "^(POST|PUT)"), "not even the card, to have it checked"

    run = client(command, token="alice-write")
    assert run.returncode == 0, run.stderr
    space = hub.app.store.repos["spaces", "alice/demo"]
    tree = space.find("main").tree
    assert {"app.py", "README.md", "requirements.txt", "demo/reader.py"} <= set(tree)
    card = (hub.app.store.objects / tree["README.md"].sha256).read_text()
    assert "sdk: gradio" in card
    assert "alice/shown" in card
    assert space.variables["MODEL_ID"]["value"] == "alice/shown"
    assert space.variables["GRADIO_MCP_SERVER"]["value"] == "True"


@pytest.mark.slow
def test_a_branch_and_a_pull_request_leave_main_as_it_was(hub, client, trained):
    command = [*PUBLISH, str(trained["plain"]), "--repo_id", "alice/careful", "--private"]
    space = ["--space_id", "alice/careful-demo"]
    branch = client([*command, "--revision", "trial", *space], token="alice-write")
    assert branch.returncode == 0, branch.stderr
    shown = hub.app.store.repos["spaces", "alice/careful-demo"].variables["MODEL_ID"]["value"]
    assert shown == "alice/careful@trial", "there is no model on main"
    refused = client([*command, "--create_pr", *space], token="alice-write")
    assert "--space_id and --create_pr exclude each other" in refused.stderr
    repo = hub.app.store.repos["models", "alice/careful"]
    assert repo.private
    assert "model.safetensors" in repo.find("trial").tree
    assert "model.safetensors" not in repo.find("main").tree
    request = client([*command, "--create_pr"], token="alice-write")
    assert request.returncode == 0, request.stderr
    assert "model.safetensors" in repo.find("refs/pr/1").tree
    assert "model.safetensors" not in repo.find("main").tree
