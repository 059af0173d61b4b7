"""A product from packed weights is the plain one, and a row's is the same in any company."""

import pytest
import torch

from predictor.engine.linear import MIN_ROWS, Linear, PackedLinear

NUM_ROWS = [4, 5, 7, 8, 16, 31, 33, 64, 100, 513]
# Of the embedded model, of one with 98 million weights and of DeepSeek-R1-Distill-Qwen-1.5B.
SHAPES = [(192, 256), (768, 4096), (2048, 768), (1536, 2048), (8960, 1536)]
DTYPES = [torch.float32, torch.bfloat16]


def make(in_features: int, out_features: int, dtype: torch.dtype) -> tuple[Linear, torch.Tensor]:
    """Return a product and rows to multiply."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(out_features, in_features, generator=generator) / in_features**0.5
    bias = torch.randn(out_features, generator=generator)
    rows = torch.randn(max(NUM_ROWS), in_features, generator=generator)
    return Linear(weight.to(dtype), bias.to(dtype)), rows.to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_row_has_the_same_product_to_the_bit_in_any_company(
    shape: tuple[int, int], dtype: torch.dtype
) -> None:
    plain, rows = make(*shape, dtype)
    packed = PackedLinear(plain)
    expected = packed(rows[:MIN_ROWS])[0]

    for num_rows in NUM_ROWS:
        # The row comes last, behind others than its first ones.
        company = torch.cat([rows[1:num_rows], rows[:1]])
        assert torch.equal(packed(company)[-1], expected), num_rows


@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_it_is_the_plain_product(dtype: torch.dtype, error: float, has_bias: bool) -> None:
    plain, rows = make(192, 256, dtype)
    plain = plain if has_bias else Linear(plain.weight)

    torch.testing.assert_close(PackedLinear(plain)(rows), plain(rows), rtol=error, atol=error)


def test_fewer_rows_than_it_takes_are_our_own_mistake() -> None:
    plain, rows = make(192, 256, torch.float32)

    with pytest.raises(AssertionError):
        PackedLinear(plain)(rows[: MIN_ROWS - 1])
