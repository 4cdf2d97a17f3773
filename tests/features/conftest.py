from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.models.workshop import Workshop

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
