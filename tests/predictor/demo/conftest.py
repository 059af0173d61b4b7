"""One thread for torch: these tensors are small, and tests run side by side."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _single_thread() -> None:
    torch.set_num_threads(1)
