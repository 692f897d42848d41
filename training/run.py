"""One seed of a job: backbones fine-tuned if the recipe says so, a head trained, thresholds fitted, all scored."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from datasets import DatasetDict

from extraction.cut_texts import count_cut
from extraction.features import default_cache_dir, extract, pin, plan
from extraction.reading import LoadedData
from extraction.splits import label_names, texts_of
from fusion_model import Backbone, BackboneEncoder, FusionForSequenceClassification
from fusion_model.tfidf import TfidfBranch

from .arguments import Arguments, RecipeArguments
from .evaluation import Calibration, calibrate, score
from .feature_sizes import warn_of_small_slots
from .feed import FeatureColumn, FeatureDataset
from .few_rows import fit_head
from .finetune import Task, check_block, finetune
from .head import build_config, build_model, predict_logits, predict_parts, seeded_model, train_head
from .job import Job
from .prior import NAMES, Prior, prompts
from .tfidf import fit_tfidf
from .weights import apply_weights, fit_weights, held_out_logits

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """One seed's outcome: the model, its calibration, the metrics of each split (None: no such split).

    `weights` are those of the model's parts, if they were fitted; `c` that of a linear layer that was, see `few_rows`.
    """

    seed: int
    model: FusionForSequenceClassification
    calibration: Calibration
    validation: dict
    test: dict | None
    logits: dict[str, np.ndarray]
    weights: dict[str, float] | None = None
    c: float | None = None


@dataclass
class Material:
    """What every run of a job is made of.

    Args:
        data: The texts.
        labels: For each split class ids `(rows,)` or 0/1 `(rows, num_labels)`.
        label_names: In the order of the labels' numbers.
        feeds: Ready batches of each split; those of fine-tuned backbones are added by each run.
        tfidf: The fitted TF-IDF branch, if there is one.
        prior: What is known before any text is read.
    """

    data: LoadedData
    labels: dict[str, np.ndarray]
    label_names: list[str]
    feeds: dict[str, FeatureDataset]
    tfidf: TfidfBranch | None
    prior: Prior

    @property
    def multi_label(self) -> bool:
        """Whether a text may have several labels."""
        return self.labels["train"].ndim == 2


def extract_all(
    arguments: Arguments, data: DatasetDict
) -> tuple[dict[str, dict[str, FeatureColumn]], dict[str, dict[str, int]]]:
    """Pooled features of every split for every frozen backbone; the arguments' backbones are pinned on the way.

    Returns:
        Split -> backbone's name -> features; the labels' names are a split of their own where they are read. And of all
        backbones, split -> name -> number of texts that are cut.
    """
    device = arguments.training.device
    arguments.backbones = [pin(backbone, device) for backbone in arguments.backbones]
    for backbone in arguments.backbones:
        if backbone.name in arguments.finetune:
            check_block(backbone, arguments.finetune[backbone.name])
    cache_dir = arguments.data.cache_path
    splits = dict(data)
    if arguments.training.read_label_names:
        splits[NAMES] = prompts(label_names(data))
    columns: dict[str, dict[str, FeatureColumn]] = {name: {} for name in splits}
    cut: dict[str, dict[str, int]] = {name: {} for name in splits}
    for backbone in arguments.backbones:
        # One encoder for all splits, loaded only if a split is not in the cache; one backbone in memory at a time.
        encoder = BackboneEncoder(backbone, device=device)
        for name, split in data.items() if backbone.tuned else splits.items():
            if backbone.tuned:
                cut[name][backbone.name] = count_cut(split, backbone, name, encoder.tokenizer)
                continue
            found = plan(split, backbone, cache_dir, device)
            features = extract(split, backbone, name=name, device=device, encoder=encoder, found=found)
            columns[name][backbone.name], cut[name][backbone.name] = FeatureColumn(features), found.cut_texts
    if not arguments.head.standardise:
        warn_of_small_slots([one for one in arguments.backbones if not one.tuned], columns["train"])
    return columns, {name: cut[name] for name in data}


def train_run(arguments: Arguments, material: Material, job: Job, seed: int) -> Run:
    """Train with one seed, or take what was trained before the job was interrupted, and compute its metrics.

    Args:
        arguments: All arguments, backbones pinned.
        material: Data, labels, feeds.
        job: Keeps finished runs.
        seed: Of initialisation, order and dropout.

    Returns:
        The trained model and its metrics.
    """
    feeds = material.feeds
    backbones, tuned_heads = _tune_backbones(arguments, material, seed)
    config = build_config(arguments, backbones, material.label_names, material.multi_label)
    config.text_columns = material.data.reading.text_columns
    model = seeded_model(seed, config, feeds["train"].columns, material.tfidf, tuned_heads, material.prior)
    c = apart = None
    if arguments.training.few_rows:
        c, apart = fit_head(model, feeds["train"], texts_of(material.data["train"]), arguments.training.lexical_c)
    elif config.frozen and not job.take_finished(model, seed):
        train_head(model, feeds["train"], feeds["validation"], arguments, seed, job.run_folder(seed))
        job.finish(model, seed)
    run = _evaluate(model, feeds, material.label_names, seed, arguments.training, apart)
    run.c = c
    return run


def fit_on_all(arguments: Arguments, material: Material, run: Run) -> np.ndarray:
    """Fit a run's linear layer and TF-IDF branch again, on the training rows and those held out of them for validation.

    Args:
        arguments: As the run had them.
        material: As the run had it.
        run: It gets the new model, with the C, weights, temperature and thresholds of the old one; its metrics stay.

    Returns:
        The new model's logits of validation before the temperature, `(rows, num_labels)`.
    """
    feeds, options = [material.feeds[name] for name in ("train", "validation")], arguments.training
    texts = [text for name in ("train", "validation") for text in texts_of(material.data[name])]
    labels = np.concatenate([feed.labels for feed in feeds])
    columns = {name: FeatureColumn.joined([feed.columns[name] for feed in feeds]) for name in feeds[0].columns}
    tfidf = None
    if material.tfidf is not None:
        tfidf = fit_tfidf(texts, labels, len(material.label_names), options.lexical_c)
    run.model = build_model(run.model.config, columns, tfidf, {}, material.prior)
    fit_head(run.model, FeatureDataset(columns, labels), texts, options.lexical_c, run.c)
    said = None if tfidf is None else tfidf(texts_of(material.data["validation"])).numpy()
    seen = FeatureDataset(feeds[1].columns, feeds[1].labels, said)
    logger.info(
        f"  fitted again on all {len(texts):,} rows, with the {len(feeds[1]):,} of validation; metrics, temperature "
        "and thresholds are those of the fit without them"
    )
    return predict_logits(run.model, seen, options.per_device_eval_batch_size) * run.model.config.temperature


def _tune_backbones(
    arguments: Arguments, material: Material, seed: int
) -> tuple[list[Backbone], dict[str, dict[str, torch.Tensor]]]:
    """Fine-tune the backbones that the recipe marks so, and add what they see in the evaluation splits to the feeds.

    Returns:
        This run's backbones, and the weights of each fine-tuned backbone's classification layer.
    """
    options = arguments.training
    cache_dir = arguments.data.cache_path or default_cache_dir()
    task = Task(material.data, material.labels, len(material.label_names), options, cache_dir)
    backbones, heads = [], {}
    for backbone in arguments.backbones:
        name = backbone.name
        if backbone.tuned:
            backbone, heads[name] = finetune(backbone, arguments.finetune[name], task, seed)
            encoder = BackboneEncoder(backbone, device=options.device)
            for split, feed in material.feeds.items():
                if split != "train":
                    features = extract(
                        material.data[split],
                        backbone,
                        name=split,
                        cache_dir=cache_dir,
                        device=options.device,
                        encoder=encoder,
                    )
                    feed.columns[name] = FeatureColumn(features)
        backbones.append(backbone)
    return backbones, heads


def _evaluate(
    model: FusionForSequenceClassification,
    feeds: dict[str, FeatureDataset],
    names: list[str],
    seed: int,
    options: RecipeArguments,
    apart: np.ndarray | None = None,
) -> Run:
    """Fit the parts' weights if asked, temperature and thresholds on validation, score validation, then test once.

    With few rows validation has too few of many labels: training rows, by models of other folds (`apart`), are added.
    """
    batch_size, labels = options.per_device_eval_batch_size, feeds["validation"].labels
    weights, held_out = None, None
    if options.fit_weights:
        parts = predict_parts(model, feeds["validation"], batch_size)
        weights, held_out = fit_weights(parts, labels), held_out_logits(parts, labels)
        apply_weights(model, weights)
    logits = {name: predict_logits(model, feeds[name], batch_size) for name in feeds if name != "train"}
    known, truth = logits["validation"], labels
    if apart is not None and held_out is None:
        known, truth = np.concatenate([known, apart]), np.concatenate([labels, feeds["train"].labels])
    calibration = calibrate(known, truth, held_out)
    model.config.temperature = calibration.temperature
    if calibration.thresholds is not None:
        model.config.thresholds = [float(t) for t in calibration.thresholds]
    scores = {name: score(logits[name], feeds[name].labels, calibration, names) for name in logits}
    if calibration.selection is not None:
        scores["validation"]["cross_fitted_macro_f1"] = max(calibration.selection["cross_fitted"].values())
    elif held_out is not None:
        scores["validation"]["cross_fitted_accuracy"] = float((held_out.argmax(axis=1) == labels).mean())
    return Run(seed, model, calibration, scores["validation"], scores.get("test"), logits, weights)
