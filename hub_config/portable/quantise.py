"""Weights of a graph in 8 bits.

Products: each 32 weights of a column have a scale of their own, and so have 32 numbers of what comes in
(onnxruntime's MatMulNBits with int8 arithmetic). A text's scores then do not depend on what it is read with, as they
do where one scale is found for a whole batch; see docs/export.md for both, measured. Tables: word embeddings and the
TF-IDF branch's weights have one scale. The heads stay as they are.
"""

import logging
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

BLOCK = 32
# MatMulNBits' name for arithmetic in int8.
INT8_ARITHMETIC = 4


def quantise(file: Path) -> None:
    """Replace a float32 graph by one with weights in 8 bits.

    Args:
        file: An ONNX file with its weights inside.
    """
    for name in ("onnxruntime.quantization.matmul_nbits_quantizer", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
    graph = onnx.load(file).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    inputs = {one.name for one in graph.input}
    tables = [
        node.name
        for node in graph.node
        if node.op_type == "Gather" and len(shapes.get(node.input[0], ())) == 2 and node.input[1] in inputs
    ]
    products = [node.name for node in graph.node if node.op_type == "MatMul" and node.input[1] in shapes]
    quantize_dynamic(file, file, op_types_to_quantize=["Gather"], nodes_to_quantize=tables, weight_type=QuantType.QInt8)
    quantizer = MatMulNBitsQuantizer(
        onnx.load(file),
        bits=8,
        block_size=BLOCK,
        is_symmetric=True,
        accuracy_level=INT8_ARITHMETIC,
        nodes_to_include=products,
        op_types_to_quantize=("MatMul",),
    )
    quantizer.process()
    quantizer.model.save_model_to_file(str(file), False)


__all__ = ["quantise"]
