"""The error that says what is wrong with a file."""


class TableError(ValueError):
    """A file, a row or a column is not what was expected; the message says what came and what to do."""
