"""A model as one ONNX graph and a few files, for processes that have neither torch nor transformers."""
