"""Fits the lexical channel: TF-IDF vectors and one regularised linear layer, apart from the head."""

import warnings

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn import functional as F

from fusion_model.lexical import SEPARATOR, LexicalChannel, pieces_of, words_of

# A term must occur in so many training texts.
FEWEST_WORD_TEXTS = 2
FEWEST_PIECE_TEXTS = 5
ITERATIONS = 60


def fit_lexical(texts: list[str], labels: np.ndarray, num_labels: int, c: float) -> LexicalChannel:
    """Fit a lexical channel on the training set.

    Args:
        texts: Training texts.
        labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)`.
        num_labels: Number of labels.
        c: Inverse regularisation, as scikit-learn's `C`.

    Returns:
        A channel whose `forward(texts)` gives logits.

    Raises:
        ValueError: no word, or no piece of a word, occurs in enough texts.
    """
    vectorizers = [
        TfidfVectorizer(analyzer=words_of, min_df=FEWEST_WORD_TEXTS, sublinear_tf=True, dtype=np.float32),
        TfidfVectorizer(analyzer=pieces_of, min_df=FEWEST_PIECE_TEXTS, sublinear_tf=True, dtype=np.float32),
    ]
    try:
        vectors = sparse.hstack([vectorizer.fit_transform(texts) for vectorizer in vectorizers]).tocsr()
    except ValueError:
        raise ValueError(
            f"The lexical channel finds no vocabulary in {len(texts)} training texts: it takes words of at least "
            f"{FEWEST_WORD_TEXTS} texts and pieces of words of at least {FEWEST_PIECE_TEXTS}. Train on more texts, or "
            "with --lexical false."
        ) from None
    terms = [term for vectorizer in vectorizers for term in vectorizer.get_feature_names_out()]
    targets = labels if labels.ndim == 2 else np.eye(num_labels, dtype=np.float32)[labels]
    weight, bias = fit_linear(vectors, targets, c, multi_label=labels.ndim == 2)
    encoded = SEPARATOR.join(terms).encode("utf-8")
    channel = LexicalChannel(len(terms), len(encoded), num_labels)
    state = channel.state_dict()
    state["vocabulary"].copy_(state["vocabulary"].new_tensor(list(encoded)))
    for name, value in (("idf", np.concatenate([v.idf_ for v in vectorizers])), ("weight", weight), ("bias", bias)):
        state[name].copy_(state[name].new_tensor(value))
    return channel


def fit_linear(
    vectors: sparse.csr_matrix, targets: np.ndarray, c: float, multi_label: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise `c * sum of losses + |weight|^2 / 2` for all labels at once by L-BFGS.

    This is scikit-learn's LogisticRegression (softmax for single-label, one sigmoid a label for multi-label), which
    fits a label at a time: on 43,410 texts and 28 labels that took 62 s where this took 8.

    Args:
        vectors: `(rows, terms)`.
        targets: 0/1 `(rows, num_labels)`.
        c: Inverse regularisation.
        multi_label: Sigmoid for each label, else softmax over all.

    Returns:
        Weight `(terms, num_labels)` and bias `(num_labels,)`, float32.
    """
    rows, columns = _to_torch(vectors), _to_torch(vectors.T.tocsr())
    target = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))
    weight = torch.zeros(vectors.shape[1], target.shape[1], requires_grad=True)
    share = target.mean(dim=0).clamp(1e-5, 1 - 1e-5)
    bias = (share.logit() if multi_label else share.log()).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=ITERATIONS,
        max_eval=2 * ITERATIONS,
        history_size=8,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def objective() -> torch.Tensor:
        logits = rows @ weight + bias
        if multi_label:
            loss = F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
            error = logits.sigmoid() - target
        else:
            loss = -(logits.log_softmax(dim=1) * target).sum()
            error = logits.softmax(dim=1) - target
        # Divided by rows and c, so that the first step of the line search is a sane one.
        weight.grad = (columns @ error + weight / c) / len(target)
        bias.grad = error.sum(dim=0) / len(target)
        return (loss + (weight**2).sum() / (2 * c)) / len(target)

    optimizer.step(objective)
    return weight.detach().numpy(), bias.detach().numpy()


def _to_torch(matrix: sparse.csr_matrix) -> torch.Tensor:
    """A scipy CSR matrix as torch's, float32."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
            check_invariants=False,  # scipy made it
        )
