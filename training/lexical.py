"""Fits the lexical channel: TF-IDF vectors and one regularised linear layer, apart from the head."""

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer

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
        ValueError: no term occurs often enough.
    """
    vectorizers = [
        TfidfVectorizer(analyzer=words_of, min_df=FEWEST_WORD_TEXTS, sublinear_tf=True, dtype=np.float32),
        TfidfVectorizer(analyzer=pieces_of, min_df=FEWEST_PIECE_TEXTS, sublinear_tf=True, dtype=np.float32),
    ]
    try:
        vectors = sparse.hstack([vectorizer.fit_transform(texts) for vectorizer in vectorizers]).tocsr()
    except ValueError:
        raise ValueError(
            f"No word occurs in {FEWEST_WORD_TEXTS} of the {len(texts)} training texts, so there is no vocabulary: "
            "train on more texts, or with --lexical false."
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

    This is scikit-learn's LogisticRegression (softmax for single-label, one sigmoid a label for multi-label). One
    product of the sparse matrix serves all labels here; a fit a label took three times as long on 43,410 texts.

    Args:
        vectors: `(rows, terms)`.
        targets: 0/1 `(rows, num_labels)`.
        c: Inverse regularisation.
        multi_label: Sigmoid for each label, else softmax over all.

    Returns:
        Weight `(terms, num_labels)` and bias `(num_labels,)`, float32.
    """
    transposed = vectors.T.tocsr()
    shape = (vectors.shape[1] + 1, targets.shape[1])

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = flat.astype(np.float32).reshape(shape)
        logits = vectors @ parameters[:-1] + parameters[-1]
        if multi_label:
            loss = (np.logaddexp(0, logits) - targets * logits).sum()
            error = expit(logits) - targets
        else:
            log_p = log_softmax(logits, axis=1)
            loss = -(targets * log_p).sum()
            error = np.exp(log_p) - targets
        gradient = np.empty(shape)
        gradient[:-1] = c * (transposed @ error) + parameters[:-1]
        gradient[-1] = c * error.sum(axis=0)
        return float(c * loss + 0.5 * (parameters[:-1] ** 2).sum()), gradient.ravel()

    start = np.zeros(shape)
    share = np.clip(targets.mean(axis=0), 1e-5, 1 - 1e-5)
    start[-1] = np.log(share / (1 - share)) if multi_label else np.log(share)
    found = minimize(
        objective, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 8}
    )
    parameters = found.x.reshape(shape).astype(np.float32)
    return parameters[:-1], parameters[-1]
