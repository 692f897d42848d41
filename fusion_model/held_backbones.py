"""A model's frozen backbones: held but not registered, loaded at their first use, saved and pushed along if bundled."""

import os
import threading
from pathlib import Path

from huggingface_hub import HfApi
from transformers import PreTrainedModel

from .configuration_fusion import FusionConfig
from .encoder import BackboneEncoder


class _Encoders:
    """The model's encoders, loaded when first used. A plain object, so that frozen weights are never saved, moved or
    counted with the model's; pickling and copying leave the loaded backbones behind."""

    def __init__(self):
        self.loaded: dict[str, BackboneEncoder] = {}
        self.lock = threading.Lock()

    def __reduce__(self):
        return (_Encoders, ())


class BackboneHolder(PreTrainedModel):
    """What a model does with the backbones of its configuration."""

    config: FusionConfig

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        self._encoders = _Encoders()
        self._revision: str | None = None
        if config.name_or_path and Path(config.name_or_path).is_dir():
            # Backbones are read later, when the working directory may be another.
            config.name_or_path = str(Path(config.name_or_path).resolve())

    def encoder(self, name: str) -> BackboneEncoder:
        """The encoder of the backbone called `name`, on the model's device, loading it at its first use."""
        with self._encoders.lock:
            held = self._encoders.loaded.get(name)
            if held is None or held.device != self.device:
                spec = next(spec for spec in self.config.backbones if spec["name"] == name)
                held = BackboneEncoder(
                    spec,
                    folder=self.config.name_or_path,
                    revision=self._revision,
                    device=self.device,
                )
                self._encoders.loaded[name] = held
            return held

    def save_pretrained(self, save_directory, *args, **kwargs):
        """As in transformers; bundled backbones are written along."""
        for spec in self.config.backbones:
            target = Path(save_directory) / "backbones" / spec["name"]
            if spec["bundled"] and not target.exists():
                self.encoder(spec["name"]).save(target)
        super().save_pretrained(save_directory, *args, **kwargs)

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
