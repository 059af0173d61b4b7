"""The Qwen2 decoder over a paged KV cache, inference only."""

from dataclasses import dataclass

import torch
from torch.nn.functional import embedding, linear, silu

from predictor.engine.attention import AttentionMetadata, paged_attention
from predictor.engine.kv_cache import KVCache
from predictor.engine.model_config import ModelConfig
from predictor.engine.rope import build_rotary_embedding, rotate


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecoderLayer:
    """The weights of one layer; projections that read the same input are joined by rows.

    qkv_weight      [(num_heads + 2 * num_kv_heads) * head_dim, hidden_size]
    o_weight        [hidden_size, num_heads * head_dim]
    gate_up_weight  [2 * intermediate_size, hidden_size]
    down_weight     [hidden_size, intermediate_size]
    """

    input_norm: torch.Tensor
    qkv_weight: torch.Tensor
    qkv_bias: torch.Tensor
    o_weight: torch.Tensor
    post_attention_norm: torch.Tensor
    gate_up_weight: torch.Tensor
    down_weight: torch.Tensor


class CausalLM:
    """Packed tokens -> hidden states -> logits; ``lm_head`` is ``embed_tokens`` when tied.

    All tensors share one device and dtype. embed_tokens and lm_head: [vocab_size, hidden_size].
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        embed_tokens: torch.Tensor,
        layers: list[DecoderLayer],
        norm: torch.Tensor,
        lm_head: torch.Tensor,
    ) -> None:
        self.config = config
        self.embed_tokens = embed_tokens
        self.layers = layers
        self.norm = norm
        self.lm_head = lm_head
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

        input_ids and positions are int64 [num_tokens], packed as ``metadata`` says.
        """
        cos, sin = self.rotary_embedding.cos_sin(positions)  # [num_tokens, 1, head_dim / 2]
        hidden = embedding(input_ids, self.embed_tokens)  # [num_tokens, hidden_size]
        for index, layer in enumerate(self.layers):
            q, k, v = self._project_qkv(layer, hidden, cos, sin)
            attended = paged_attention(
                q,
                k,
                v,
                kv_cache=kv_cache,
                layer=index,
                metadata=metadata,
                scale=self.config.head_dim**-0.5,
            )  # [num_tokens, num_heads, head_dim]
            hidden = hidden + linear(attended.flatten(1), layer.o_weight)
            hidden = hidden + self._mlp(layer, hidden)
        return self._rms_norm(hidden, self.norm)

    @torch.inference_mode()
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits [n, vocab_size] of hidden states [n, hidden_size]."""
        return linear(hidden, self.lm_head).float()

    def _project_qkv(
        self, layer: DecoderLayer, hidden: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return rotated q [num_tokens, num_heads, head_dim] and k, and v, with num_kv_heads."""
        num_heads, num_kv_heads = self.config.num_heads, self.config.num_kv_heads
        normed = self._rms_norm(hidden, layer.input_norm)
        qkv = linear(normed, layer.qkv_weight, layer.qkv_bias)
        heads = qkv.view(len(qkv), -1, self.config.head_dim)  # [num_tokens, all heads, head_dim]
        qk, v = torch.split(heads, [num_heads + num_kv_heads, num_kv_heads], dim=1)
        q, k = torch.split(rotate(qk, cos, sin), [num_heads, num_kv_heads], dim=1)
        return q, k, v

    def _mlp(self, layer: DecoderLayer, hidden: torch.Tensor) -> torch.Tensor:
        normed = self._rms_norm(hidden, layer.post_attention_norm)
        gate, up = linear(normed, layer.gate_up_weight).chunk(2, dim=-1)
        return linear(silu(gate) * up, layer.down_weight)  # [num_tokens, hidden_size]

    def _rms_norm(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """RMSNorm, https://arxiv.org/abs/1910.07467, its mean in float32."""
        wide = x.float()
        mean_square = wide.square().mean(-1, keepdim=True)  # [num_tokens, 1]
        return weight * (wide * torch.rsqrt(mean_square + self.config.rms_norm_eps)).to(x.dtype)
