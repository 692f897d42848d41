"""A model's frozen backbones: held but not registered, loaded at their first use, saved and pushed along if bundled."""

import os
import tempfile
import threading
from pathlib import Path

from huggingface_hub import HfApi
from transformers import PreTrainedModel

from .configuration_fusion import FusionConfig
from .encoder import BackboneEncoder
from .file_modes import set_default_mode


class _Encoders:
    """The model's encoders, loaded when first used. A plain object, so that frozen weights are never saved, moved or
    counted with the model's; pickling and copying leave the loaded backbones behind."""

    def __init__(self):
        self.loaded: dict[str, BackboneEncoder] = {}
        self.hub: dict = {}  # how the model was loaded: a token stays in this process
        self.lock = threading.Lock()

    def __reduce__(self):
        return (_Encoders, ())


class BackboneHolder(PreTrainedModel):
    """What a model does with the backbones of its configuration."""

    config: FusionConfig

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        self._encoders = _Encoders()
        self.hub_revision: str | None = None
        if config.name_or_path and Path(config.name_or_path).is_dir():
            # Backbones are read later, when the working directory may be another.
            config.name_or_path = str(Path(config.name_or_path).resolve())

    def encoder(self, name: str) -> BackboneEncoder:
        """The encoder of the backbone called `name`, on the model's device, loading it at its first use."""
        with self._encoders.lock:
            held = self._encoders.loaded.get(name)
            if held is None or held.device != self.device:
                backbone = next(one for one in self.config.backbones if one.name == name)
                held = BackboneEncoder(
                    backbone,
                    folder=self.config.name_or_path,
                    revision=self.hub_revision,
                    device=self.device,
                    hub=self._encoders.hub,
                )
                self._encoders.loaded[name] = held
            return held

    def save_pretrained(self, save_directory, is_main_process=True, *args, **kwargs):
        """As in transformers, in one file; bundled backbones are written along, in the place of an earlier model's."""
        for backbone in self.config.backbones:
            if backbone.bundled and is_main_process:
                self._save_backbone(backbone.name, Path(save_directory) / "backbones" / backbone.name)
        super().save_pretrained(save_directory, is_main_process, *args, **{**kwargs, "max_shard_size": "1000GB"})
        if is_main_process:
            set_default_mode(*Path(save_directory).glob("model*.safetensors"))

    def _save_backbone(self, name: str, target: Path) -> None:
        """Write a backbone, unless it is where the model reads it from."""
        origin = self.config.name_or_path
        if origin and target.exists() and (Path(origin) / "backbones" / name).resolve() == target.resolve():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as scratch:
            self.encoder(name).save(Path(scratch) / "new")
            if target.exists():
                os.replace(target, Path(scratch) / "old")
            os.replace(Path(scratch) / "new", target)

    def _upload_modified_files(
        self,
        working_dir,
        repo_id,
        files_timestamps,
        commit_message=None,
        token=None,
        create_pr=False,
        revision=None,
        commit_description=None,
    ):
        """As in transformers, whose own takes files one folder deep; a bundled backbone's are two deep."""
        changed = [
            name
            for name in os.listdir(working_dir)
            if name not in files_timestamps or os.path.getmtime(Path(working_dir, name)) > files_timestamps[name]
        ]
        api = HfApi(token=token)
        if revision and not revision.startswith("refs/pr") and not create_pr:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        return api.upload_folder(
            repo_id=repo_id,
            folder_path=working_dir,
            allow_patterns=[pattern for name in changed for pattern in (name, f"{name}/**")],
            commit_message=commit_message or "Upload model",
            commit_description=commit_description,
            revision=revision,
            create_pr=create_pr,
        )


__all__ = ["BackboneHolder"]
