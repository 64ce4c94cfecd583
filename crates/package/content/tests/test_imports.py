# Copyright 2026 the authors of vtsecops. Licensed under the Apache License, Version 2.0.
"""Each module can be imported, and nothing starts by that."""

from __future__ import annotations

import importlib

import pytest

from .. import common


@pytest.mark.parametrize("module", common.modules())
def test_a_module_can_be_imported(module: str) -> None:
    assert importlib.import_module(module)
