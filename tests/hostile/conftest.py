"""What tests of hostile files share."""

from pathlib import Path

import pytest

from tests.hostile.parts import IMAGE
from tests.support.build import layout
from tests.support.tar import write_tar


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write a sound archive, beside which something hostile lies."""
    return write_tar(tmp_path / "source", layout(IMAGE.node().named("docker.io/library/app:1", "1")))
