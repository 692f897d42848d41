"""The error a user can act on."""


class DataError(ValueError):
    """A data set, file or column is not what was expected; the message says what came and what to do."""
