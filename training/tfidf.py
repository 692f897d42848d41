"""Fits the TF-IDF branch: TF-IDF vectors and one regularised linear layer, apart from the head."""

import warnings
from array import array
from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from torch.nn import functional as F

from fusion_model.terms import SEPARATOR, WORD, pieces_of_word
from fusion_model.texts import Text, joined
from fusion_model.tfidf import TfidfBranch

# A term must occur in so many training texts.
MIN_WORD_TEXTS = 2
MIN_PIECE_TEXTS = 5
ITERATIONS = 60


def fit_tfidf(texts: Sequence[Text], labels: np.ndarray, num_labels: int, c: float) -> TfidfBranch:
    """Fit a TF-IDF branch on the training set.

    Args:
        texts: Training texts; of a pair both are read as one.
        labels: Class ids `(rows,)`, or 0/1 `(rows, num_labels)`.
        num_labels: Number of labels.
        c: Inverse regularisation, as scikit-learn's `C`.

    Returns:
        A branch whose `forward(texts)` gives logits.

    Raises:
        ValueError: no word, or no piece of a word, occurs in enough texts.
    """
    terms, idf, vectors = tfidf_vectors(texts)
    targets = labels if labels.ndim == 2 else np.eye(num_labels, dtype=np.float32)[labels]
    weight, bias = fit_linear(vectors, targets, c, multi_label=labels.ndim == 2)
    encoded = SEPARATOR.join(terms).encode("utf-8")
    branch = TfidfBranch(len(terms), len(encoded), num_labels)
    state = branch.state_dict()
    state["vocabulary"].copy_(state["vocabulary"].new_tensor(list(encoded)))
    for name, value in (("idf", idf), ("weight", weight), ("bias", bias)):
        state[name].copy_(state[name].new_tensor(value))
    return branch


def tfidf_vectors(texts: Sequence[Text]) -> tuple[list[str], np.ndarray, sparse.csr_matrix]:
    """Vocabulary, inverse document frequencies and TF-IDF vectors of texts; no label is looked at.

    Args:
        texts: Of a pair both are read as one.

    Returns:
        Terms, their weights `(terms,)`, and float32 vectors `(texts, terms)`.

    Raises:
        ValueError: no word, or no piece of a word, occurs in enough texts.
    """
    blocks = [_common(terms, counts, minimum) for terms, counts, minimum in _counted([joined(text) for text in texts])]
    terms = [term for names, _ in blocks for term in names]
    if not all(names for names, _ in blocks):
        raise ValueError(
            f"The TF-IDF branch finds no vocabulary in {len(texts)} training texts: it takes words of at least "
            f"{MIN_WORD_TEXTS} texts and pieces of words of at least {MIN_PIECE_TEXTS}. Train on more texts, or "
            "with --lexical false."
        )
    weights = [TfidfTransformer(sublinear_tf=True).fit(counts) for _, counts in blocks]
    vectors = sparse.hstack([weigh.transform(counts) for weigh, (_, counts) in zip(weights, blocks, strict=True)])
    return terms, np.concatenate([weigh.idf_ for weigh in weights]), vectors.tocsr()


def _counted(texts: list[str]) -> list[tuple[list[str], sparse.csr_matrix, int]]:
    """How often each term is in each text: words and pairs of words, and pieces of words.

    scikit-learn's vectorizers count the terms of one text after the other in Python; here a word is taken apart once,
    whatever the number of texts that it is in, and the rest are matrix products (43,410 texts: 2 in place of 9 s).

    Returns:
        For words and for pieces: terms as `fusion_model.tfidf` names them, float32 counts `(texts, terms)`, and the
        minimum number of texts that a term must be in.
    """
    number_of: dict[str, int] = {}
    ids, ends = array("q"), [0]
    for text in texts:
        ids.extend(number_of.setdefault(word, len(number_of)) for word in WORD.findall(text.lower()))
        ends.append(len(ids))
    words, flat, size = list(number_of), np.asarray(ids, dtype=np.int64), len(number_of)
    text_of = np.repeat(np.arange(len(texts)), np.diff(ends))
    singles = _count(text_of, flat, (len(texts), size))
    inside = text_of[:-1] == text_of[1:]  # a pair does not reach into the next text
    keys, pairs = np.unique((flat[:-1] * size + flat[1:])[inside], return_inverse=True)
    doubles = _count(text_of[:-1][inside], pairs, (len(texts), len(keys)))
    names = [f"w:{word}" for word in words]
    names += [f"w:{words[key // size]} {words[key % size]}" for key in keys.tolist()]

    piece_number: dict[str, int] = {}
    piece_ids, word_ids = array("q"), array("q")
    for number, word in enumerate(words):
        pieces = [piece_number.setdefault(piece, len(piece_number)) for piece in pieces_of_word(word)]
        piece_ids.extend(pieces)
        word_ids.extend([number] * len(pieces))
    in_words = _count(np.asarray(word_ids), np.asarray(piece_ids), (size, len(piece_number)))
    return [
        (names, sparse.hstack([singles, doubles]).tocsr(), MIN_WORD_TEXTS),
        (list(piece_number), (singles @ in_words).tocsr(), MIN_PIECE_TEXTS),
    ]


def _count(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """How often each (row, column) is there."""
    return sparse.coo_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape).tocsr()


def _common(terms: list[str], counts: sparse.csr_matrix, minimum: int) -> tuple[list[str], sparse.csr_matrix]:
    """The terms that are in at least `minimum` texts, in alphabetical order."""
    kept = np.flatnonzero(counts.getnnz(axis=0) >= minimum).tolist()
    kept.sort(key=terms.__getitem__)
    return [terms[column] for column in kept], counts[:, kept]


def fit_linear(
    vectors: sparse.csr_matrix | np.ndarray,
    targets: np.ndarray,
    c: float,
    multi_label: bool,
    offset: np.ndarray | None = None,
    iterations: int = ITERATIONS,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise `c * sum of losses + |weight|^2 / 2` for all labels at once by L-BFGS.

    This is scikit-learn's LogisticRegression (softmax for single-label, one sigmoid a label for multi-label), which
    fits a label at a time: on 43,410 texts and 28 labels that took 62 s where this took 8.

    Args:
        vectors: `(rows, terms)`, sparse or dense float32.
        targets: 0/1 `(rows, num_labels)`; each label's share of the row where the softmax is over several.
        c: Inverse regularisation.
        multi_label: Sigmoid for each label, else softmax over all.
        offset: What is added to the logits, `(rows, num_labels)`.
        iterations: Of L-BFGS, at most.

    Returns:
        Weight `(terms, num_labels)` and bias `(num_labels,)`, float32.
    """
    if isinstance(vectors, np.ndarray):
        rows = torch.from_numpy(vectors)
        columns = rows.T
    else:
        rows, columns = _to_torch(vectors), _to_torch(vectors.T.tocsr())
    target = torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))
    fixed = torch.zeros(()) if offset is None else torch.from_numpy(offset)
    weight = torch.zeros(vectors.shape[1], target.shape[1], requires_grad=True)
    share = target.mean(dim=0).clamp(1e-5, 1 - 1e-5)
    bias = (share.logit() if multi_label else share.log()).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=iterations,
        max_eval=2 * iterations,
        history_size=8,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def objective() -> torch.Tensor:
        logits = rows @ weight + bias + fixed
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
