"""Names that columns of texts and of labels usually have, the likeliest first; compared in lower case."""

TEXT_NAMES = ("text", "sentence", "comment", "comment_text", "content", "utterance", "situation", "review", "message",
              "tweet", "body", "post", "document", "description", "question", "essay", "headline", "transcript",
              "review_text", "reviewtext", "clean_text", "phrase", "abstract")  # fmt: skip
# Those that say what is asked for before those that other columns are called as well.
LABEL_NAMES = ("labels", "label", "emotions", "emotion", "sentiment", "stance", "polarity", "gold_label", "class",
               "category", "target", "coarse_label", "tags", "topic", "intent", "feeling", "mood", "affect",
               "annotation", "cats")  # fmt: skip
# Others that show a line to be a header.
OTHER_NAMES = ("id", "ids", "index", "idx", "key", "split", "date", "time", "timestamp", "user", "author", "name",
               "title", "score", "rating", "language", "lang", "source", "url")  # fmt: skip


def is_usual(name: str) -> bool:
    """Whether a column is likely to have this name, and a cell in a row of data is not."""
    return name.strip().lower() in {*TEXT_NAMES, *LABEL_NAMES, *OTHER_NAMES}
