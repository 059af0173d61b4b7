"""Safetensors files -> CausalLM, tensor by tensor onto the device."""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from predictor.engine.causal_lm import CausalLM, DecoderLayer
from predictor.engine.checkpoint import find_weight_files
from predictor.engine.linear import Linear
from predictor.engine.model_config import ModelConfig
from predictor.errors import ModelRefused

_STORAGE_DTYPES = ("F32", "F16", "BF16")
# A buffer that transformers once saved; rope.py computes it.
_ROTARY_BUFFER = re.compile(r"model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq")


def load_causal_lm(
    model_dir: Path, config: ModelConfig, device: torch.device, dtype: torch.dtype
) -> CausalLM:
    """Return the checkpoint's model in ``dtype`` on ``device``.

    Holds no second copy of the weights on the way. Raises ModelRefused, naming file and tensor,
    unless the files hold exactly the tensors of ``config``, all finite.
    """
    files = find_weight_files(model_dir)
    with ExitStack() as stack:
        tensors = _Tensors(files, stack, device, dtype)
        vocab_shape = (config.vocab_size, config.hidden_size)
        embed_tokens = tensors.read({"model.embed_tokens.weight": vocab_shape})
        layers = [_read_layer(tensors, config, index) for index in range(config.num_layers)]
        norm = tensors.read({"model.norm.weight": (config.hidden_size,)})
        if not config.tie_word_embeddings:
            lm_head = tensors.read({"lm_head.weight": vocab_shape})
        else:
            lm_head = embed_tokens
            tensors.check_tied("lm_head.weight", embed_tokens)
        tensors.check_nothing_left()
    return CausalLM(
        config, embed_tokens=embed_tokens, layers=layers, norm=norm, lm_head=Linear(lm_head)
    )


def _read_layer(tensors: "_Tensors", config: ModelConfig, index: int) -> DecoderLayer:
    hidden, intermediate = config.hidden_size, config.intermediate_size
    q_rows, kv_rows = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    layer = f"model.layers.{index}"
    attention, mlp = f"{layer}.self_attn", f"{layer}.mlp"
    return DecoderLayer(
        input_norm=tensors.read({f"{layer}.input_layernorm.weight": (hidden,)}),
        qkv=Linear(
            tensors.read(
                {
                    f"{attention}.q_proj.weight": (q_rows, hidden),
                    f"{attention}.k_proj.weight": (kv_rows, hidden),
                    f"{attention}.v_proj.weight": (kv_rows, hidden),
                }
            ),
            tensors.read(
                {
                    f"{attention}.q_proj.bias": (q_rows,),
                    f"{attention}.k_proj.bias": (kv_rows,),
                    f"{attention}.v_proj.bias": (kv_rows,),
                }
            ),
        ),
        o=Linear(tensors.read({f"{attention}.o_proj.weight": (hidden, q_rows)})),
        post_attention_norm=tensors.read({f"{layer}.post_attention_layernorm.weight": (hidden,)}),
        gate_up=Linear(
            tensors.read(
                {
                    f"{mlp}.gate_proj.weight": (intermediate, hidden),
                    f"{mlp}.up_proj.weight": (intermediate, hidden),
                }
            )
        ),
        down=Linear(tensors.read({f"{mlp}.down_proj.weight": (hidden, intermediate)})),
    )


class _Tensors:
    """The tensors of all the weight files, each read at most once."""

    def __init__(
        self, files: tuple[Path, ...], stack: ExitStack, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._model_dir = files[0].parent
        self._device = device
        self._dtype = dtype
        self._handles: dict[Path, safe_open] = {}
        self._unread: dict[str, Path] = {}
        for file in files:
            self._open(file, stack)

    def read(self, shapes: Mapping[str, tuple[int, ...]]) -> torch.Tensor:
        """Return the named tensors, checked against their shapes and joined by rows."""
        for name, shape in shapes.items():
            self._check(name, shape)
        num_rows, columns = sum(shape[0] for shape in shapes.values()), shape[1:]
        joined = torch.empty((num_rows, *columns), device=self._device, dtype=self._dtype)
        parts = torch.split(joined, [shape[0] for shape in shapes.values()])
        for name, part in zip(shapes, parts, strict=True):
            self._copy(name, part)
        return joined

    def check_tied(self, name: str, tied_to: torch.Tensor) -> None:
        """Refuse a tensor that is there, though tied, and differs."""
        if name not in self._unread:
            return
        file = self._unread[name]
        if not torch.equal(self.read({name: tuple(tied_to.shape)}), tied_to):
            raise ModelRefused(
                f"{file}: {name} differs from the embeddings, yet tie_word_embeddings is true"
            )

    def check_nothing_left(self) -> None:
        for name, file in self._unread.items():
            if not _ROTARY_BUFFER.fullmatch(name):
                raise ModelRefused(f"{file}: tensor {name!r} is not part of the model")

    def _open(self, file: Path, stack: ExitStack) -> None:
        try:
            handle = stack.enter_context(safe_open(file, framework="pt", device="cpu"))
        except (SafetensorError, OSError) as error:
            raise ModelRefused(f"{file} cannot be read as safetensors: {error}") from error
        self._handles[file] = handle
        for name in handle.keys():  # noqa: SIM118
            if name in self._unread:
                raise ModelRefused(f"{file}: tensor {name!r} is also in {self._unread[name]}")
            self._unread[name] = file

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        if name not in self._unread:
            raise ModelRefused(f"{self._model_dir}: no weight file holds the tensor {name}")
        file = self._unread[name]
        stored = self._handles[file].get_slice(name)  # type: ignore[no-untyped-call]
        if tuple(stored.get_shape()) != shape:
            raise ModelRefused(
                f"{file}: {name} has shape {stored.get_shape()}, config.json makes it {list(shape)}"
            )
        if stored.get_dtype() not in _STORAGE_DTYPES:
            raise ModelRefused(
                f"{file}: {name} is stored as {stored.get_dtype()}, "
                f"must be one of {', '.join(_STORAGE_DTYPES)}"
            )

    def _copy(self, name: str, destination: torch.Tensor) -> None:
        file = self._unread.pop(name)
        stored = self._handles[file].get_tensor(name)  # type: ignore[no-untyped-call]
        destination.copy_(stored)
        if _is_finite(destination):
            return
        if _is_finite(stored):
            limit = torch.finfo(self._dtype).max
            raise ModelRefused(
                f"{file}: {name} reaches {stored.abs().max():g}, over {limit:g}, "
                f"the largest {str(self._dtype).removeprefix('torch.')}"
            )
        raise ModelRefused(f"{file}: {name} holds NaN or Inf")


def _is_finite(tensor: torch.Tensor) -> bool:
    # Both extremes of a tensor with a NaN are NaN; this needs no mask as large as the tensor.
    low, high = torch.aminmax(tensor)
    return bool(low.isfinite() and high.isfinite())
