"""Products with weights: as torch computes them, and on CPU from a layout made for it."""

from dataclasses import dataclass
from typing import Final

import torch
from torch.nn.functional import linear

# For fewer rows oneDNN has another kernel. It adds up in another order, and takes 1.2 times as long
# for one row as this one for four (98 million weights, 1 thread).
MIN_ROWS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """x [num_tokens, in_features] -> x @ weight.T + bias [num_tokens, out_features].

    weight [out_features, in_features], bias [out_features] or None.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return linear(x, self.weight, self.bias)


class PackedLinear:
    """A Linear whose weight lies in the blocks that oneDNN's product reads.

    With plain weights torch lays them out anew in every call. Takes at least ``MIN_ROWS`` rows,
    each of whose products depends on no other row, to the bit. It keeps no reference to the plain
    weight.
    """

    def __init__(self, plain: Linear) -> None:
        # As torch's own compiler does it; oneDNN chooses the layout for the weight's dtype.
        self._weight = torch.ops.mkldnn._reorder_linear_weight(plain.weight)
        self._bias = plain.bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        assert len(x) >= MIN_ROWS
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._weight, self._bias, "none", [], ""
        )
        return product


Projection = Linear | PackedLinear
