# Copyright 2026 the authors of vtsecops. Licensed under the Apache License, Version 2.0.
"""What the tests share."""

from __future__ import annotations

import sys
from pathlib import Path

INTEGRATION = Path(__file__).resolve().parents[1]


def modules() -> list[str]:
    """Dotted names of the integration's modules, below the name of its folder."""
    if str(INTEGRATION.parent) not in sys.path:
        sys.path.insert(0, str(INTEGRATION.parent))
    files = sorted((*INTEGRATION.glob("actions/*.py"), *INTEGRATION.glob("core/*.py")))
    names = (file.relative_to(INTEGRATION.parent).with_suffix("").parts for file in files)
    return [".".join(name) for name in names if name[-1] != "__init__"]
