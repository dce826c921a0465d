"""Prints names/onnx.toml: every operator that onnx itself defines, in any version, and those of onnxruntime.

    python tools/list_onnx_names.py [contrib.txt]

onnx's own list is taken from its registry. onnxruntime's contributed operators (domain com.microsoft, documented in
docs/ContribOperators.md there) are listed below by hand: its Python package does not tell them.
"""

from __future__ import annotations

import onnx.defs

MICROSOFT = """
Attention AttnLSTM BeamSearch BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu BifurcationDetector
BitmaskBiasDropout BitmaskDropout CausalConvWithState CDist ComplexMul ComplexMulConj
ConvTransposeWithDynamicPads CropAndResize DecoderAttention DecoderMaskedMultiHeadAttention
DecoderMaskedSelfAttention DequantizeBFP DequantizeLinear DequantizeWithOrder DynamicQuantizeLSTM
DynamicQuantizeMatMul DynamicTimeWarping EmbedLayerNormalization ExpandDims FastGelu FusedConv FusedGemm
FusedMatMul FusedMatMulActivation GatedRelativePositionBias GatherBlockQuantized GatherND Gelu GemmFastGelu
GemmFloat8 GemmaRotaryEmbedding GreedySearch GridSample GroupNorm GroupQueryAttention Inverse Irfft
LongformerAttention MatMulBnb4 MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MoE
MulInteger MultiHeadAttention MurmurHash3 NGramRepeatBlock NhwcConv NhwcFusedConv NhwcMaxPool PackedAttention
PackedMultiHeadAttention Pad PagedAttention QAttention QGemm QLinearAdd QLinearAveragePool QLinearConcat
QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax
QLinearWhere QMoE QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention
QOrderedMatMul QuantizeBFP QuantizeLinear QuantizeWithOrder QuickGelu Range ReduceSumInteger
RelativePositionBias RemovePadding RestorePadding Rfft RotaryEmbedding SampleOp Sampling SkipGroupNorm
SkipLayerNormalization SkipSimplifiedLayerNormalization SparseAttention SparseToDenseMatMul Tokenizer
TorchEmbedding TransposeMatMul Trilu UnfoldTensor Unique WhisperBeamSearch WordConvEmbedding
SimplifiedLayerNormalization
""".split()  # noqa: SIM905
DENIED = {
    "com.microsoft:PythonOp": "onnx.code",
    "com.microsoft:PythonOpGrad": "onnx.code",
    "ai.onnx.contrib:PyOp": "onnx.code",
    "ai.onnx.contrib:PyCustomOp": "onnx.code",
    "org.pytorch.aten:ATen": "onnx.code",
    "com.microsoft:EPContext": "onnx.context",
}


def main() -> None:
    """Print the lists."""
    names = {(schema.domain or "ai.onnx", schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    names |= {("com.microsoft", name) for name in MICROSOFT}
    domains = sorted({domain for domain, _ in names})
    print(f"# Operators of onnx {onnx.__version__} and onnxruntime's own; written by tools/list_onnx_names.py.\n")
    print('["onnx.domain"]\nunknown = "onnx.domain"')
    print("allow = [\n" + "".join(f'    "{domain}",\n' for domain in domains) + "]\n")
    print('["onnx.operator"]\nunknown = "onnx.operator"')
    print("allow = [\n" + "".join(f'    "{domain}:{name}",\n' for domain, name in sorted(names)) + "]\n")
    print('["onnx.operator".deny]')
    for name, fact in sorted(DENIED.items()):
        print(f'"{name}" = "{fact}"')


if __name__ == "__main__":
    main()
