"""The examples in the documentation of the territory's modules are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import grid

MODULES = sorted(module.name for module in pkgutil.walk_packages(grid.__path__, "grid."))


@pytest.mark.parametrize("name", MODULES)
def test_examples_when_run_then_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
