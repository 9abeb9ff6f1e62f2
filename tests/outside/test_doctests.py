"""The examples in the documentation of the modules that lead outside are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import dispatch.outside

MODULES = sorted(module.name for module in pkgutil.iter_modules(dispatch.outside.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_examples_when_run_then_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"dispatch.outside.{name}")).failed == 0
