"""The rendered tree, once for all tests."""

import pytest

from manifests.lint.checks import render_targets
from manifests.lint.render import MANIFESTS
from manifests.lint.target import Target


@pytest.fixture(scope="session")
def targets() -> dict[str, Target]:
    rendered, unrendered = render_targets(MANIFESTS)
    assert not unrendered
    return {target.recipe.name: target for target in rendered}
