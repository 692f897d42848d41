"""`spaces.GPU` where a Space lends a GPU by the request; elsewhere nothing. Imported before torch, as it asks for."""

try:
    from spaces import GPU as on_gpu  # noqa: N811
except ImportError:

    def on_gpu(function):
        """The function as it is."""
        return function


__all__ = ["on_gpu"]
