"""The made-up model and task, which are also what the tests' other processes train."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """Return tiny.py: other processes run it as a script, so that it is not a module of the tests."""
    spec = importlib.util.spec_from_file_location("tiny_training", Path(__file__).with_name("tiny.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
