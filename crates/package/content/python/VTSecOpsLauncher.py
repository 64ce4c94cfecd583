# Copyright 2026 the authors of vtsecops. Licensed under the Apache License, Version 2.0.
"""Starts the program that does an action's work."""

from __future__ import annotations

import os
import sys


def run(action: str) -> None:
    """Turn this process into the program: arguments, input, output and exit code are the program's from here on."""
    try:
        # Imported here, so that a package without the wheel gives a sentence and no traceback.
        from vtsecops_binary import path

        program = path()
        os.execv(program, [program, "action", action, *sys.argv[1:]])
    except (ImportError, OSError) as error:
        print(
            f"{action} could not run: the program of this integration does not start ({error}). "
            "Install the integration again, on a server with Linux on x86-64.",
            file=sys.stderr,
        )
        sys.exit(1)
