"""Some of these tests start worker processes and take long."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: starts Beam workers in other processes")
