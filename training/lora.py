"""Fine-tuning by adapters of a low rank, through peft; afterwards they are part of the weights."""

import importlib.util

import torch
from torch import nn
from transformers import PreTrainedModel

# As peft's examples have it: the adapters' output is multiplied by alpha / rank.
ALPHA_OVER_RANK = 2


def check_peft() -> None:
    """Refuse to go on without peft.

    Raises:
        ValueError: says what to install.
    """
    if importlib.util.find_spec("peft") is None:
        raise ValueError("finetune: lora_rank needs the package peft: `pip install peft==0.21.2`.")


def add_lora(model: PreTrainedModel, rank: int) -> None:
    """Put an adapter beside each linear layer that is trained; the adapters alone are trained from here on.

    Args:
        model: A backbone whose trained weights are marked, see `training.finetune.freeze`.
        rank: Of the adapters (Hu et al., ICLR 2022).
    """
    from peft import LoraConfig, inject_adapter_in_model

    linear = [name for name, m in model.named_modules() if isinstance(m, nn.Linear) and m.weight.requires_grad]
    model.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=ALPHA_OVER_RANK * rank, target_modules=linear)
    inject_adapter_in_model(config, model)


def merge_lora(model: PreTrainedModel) -> None:
    """Add the adapters' products to the weights that they lie beside, and take them out of the model."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            with torch.no_grad():
                module.merge()
            parent = model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], module.get_base_layer())
