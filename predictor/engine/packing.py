"""A model's projections laid out for the CPU, where that gains."""

from dataclasses import replace

import torch

from predictor.engine.causal_lm import CausalLM, DecoderLayer
from predictor.engine.linear import MIN_ROWS, Linear, PackedLinear, Projection


def pack(model: CausalLM) -> None:
    """Pack every projection in place, layer by layer: never is there a second copy of the model.

    A head that is tied to the embeddings becomes a copy of its own. Does nothing where oneDNN has
    no product for this device and dtype.
    """
    if not _has_product(model.device, model.dtype):
        return
    for index, layer in enumerate(model.layers):
        model.layers[index] = _packed(layer)
    model.lm_head = _pack(model.lm_head)
    model.min_rows = MIN_ROWS


def _has_product(device: torch.device, dtype: torch.dtype) -> bool:
    has_mkldnn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if device.type != "cpu" or not has_mkldnn:
        return False
    match dtype:
        case torch.float32:
            return True
        case torch.bfloat16:
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        case _:
            return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())


def _packed(layer: DecoderLayer) -> DecoderLayer:
    return replace(
        layer,
        qkv=_pack(layer.qkv),
        o=_pack(layer.o),
        gate_up=_pack(layer.gate_up),
        down=_pack(layer.down),
    )


def _pack(projection: Projection) -> PackedLinear:
    assert isinstance(projection, Linear)
    return PackedLinear(projection)
