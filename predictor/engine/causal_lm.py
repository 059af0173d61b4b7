"""The Qwen2 decoder over a paged KV cache, inference only."""

from dataclasses import dataclass

import torch
from torch.nn.functional import embedding, rms_norm, silu

from predictor.engine.attention import AttentionMetadata, paged_attention
from predictor.engine.kv_cache import KVCache
from predictor.engine.linear import Projection
from predictor.engine.model_config import ModelConfig
from predictor.engine.rope import build_rotary_embedding, rotate


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecoderLayer:
    """The weights of one layer; projections that read the same input are joined by rows.

    qkv      hidden_size -> (num_heads + 2 * num_kv_heads) * head_dim
    o        num_heads * head_dim -> hidden_size
    gate_up  hidden_size -> 2 * intermediate_size
    down     intermediate_size -> hidden_size
    """

    input_norm: torch.Tensor
    qkv: Projection
    o: Projection
    post_attention_norm: torch.Tensor
    gate_up: Projection
    down: Projection


class CausalLM:
    """Packed tokens -> hidden states -> logits; ``lm_head`` reads ``embed_tokens`` when tied.

    All tensors share one device and dtype. embed_tokens: [vocab_size, hidden_size]. Its projections
    take no fewer than ``min_rows`` rows at once.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        embed_tokens: torch.Tensor,
        layers: list[DecoderLayer],
        norm: torch.Tensor,
        lm_head: Projection,
    ) -> None:
        self.config = config
        self.embed_tokens = embed_tokens
        self.layers = layers
        self.norm = norm
        self.lm_head = lm_head
        self.min_rows = 1
        self.rotary_embedding = build_rotary_embedding(config, embed_tokens.device)

    @property
    def device(self) -> torch.device:
        return self.embed_tokens.device

    @property
    def dtype(self) -> torch.dtype:
        return self.embed_tokens.dtype

    @torch.inference_mode()
    def forward(
        self,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        metadata: AttentionMetadata,
        kv_cache: KVCache,
    ) -> torch.Tensor:
        """Return the normed hidden states [num_tokens, hidden_size] and extend the cache.

        input_ids and positions are int64 [num_tokens], packed as ``metadata`` says; tokens beyond
        those of ``metadata`` are padding, whose hidden states mean nothing.
        """
        cos, sin = self.rotary_embedding.cos_sin(positions)  # [num_tokens, 1, head_dim / 2]
        hidden = embedding(input_ids, self.embed_tokens)  # [num_tokens, hidden_size]
        for index, layer in enumerate(self.layers):
            q, kv = self._project_qkv(layer, hidden, cos, sin)
            attended = paged_attention(
                q,
                kv,
                kv_cache=kv_cache,
                layer=index,
                metadata=metadata,
                scale=self.config.head_dim**-0.5,
            )  # [num_tokens, num_heads, head_dim]
            hidden = hidden + layer.o(attended.flatten(1))
            hidden = hidden + self._mlp(layer, hidden)
        return self._rms_norm(hidden, self.norm)

    @torch.inference_mode()
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits [n, vocab_size] of hidden states [n, hidden_size]."""
        return self.lm_head(hidden).float()

    def _project_qkv(
        self, layer: DecoderLayer, hidden: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rotated q [num_tokens, num_heads, head_dim], and k rotated and v, joined."""
        num_heads, num_kv_heads = self.config.num_heads, self.config.num_kv_heads
        normed = self._rms_norm(hidden, layer.input_norm)
        qkv = layer.qkv(normed)
        heads = qkv.view(len(qkv), -1, self.config.head_dim)  # [num_tokens, all heads, head_dim]
        rotate(heads[:, : num_heads + num_kv_heads], cos, sin)
        q, kv = torch.split(heads, [num_heads, 2 * num_kv_heads], dim=1)
        return q, kv

    def _mlp(self, layer: DecoderLayer, hidden: torch.Tensor) -> torch.Tensor:
        normed = self._rms_norm(hidden, layer.post_attention_norm)
        gate, up = layer.gate_up(normed).chunk(2, dim=-1)
        return layer.down(silu(gate) * up)  # [num_tokens, hidden_size]

    def _rms_norm(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """RMSNorm, https://arxiv.org/abs/1910.07467, computed in float32."""
        return rms_norm(x, weight.shape, weight, self.config.rms_norm_eps)
