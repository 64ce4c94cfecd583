# Copyright 2026 the authors of vtsecops. Licensed under the Apache License, Version 2.0.
"""Carries the program vtsecops for Linux on x86-64."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
import tempfile


def path() -> str:
    """Path of the program, which may be executed there."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "vtsecops")
    if os.access(program, os.X_OK):
        return program
    # Some ways to unpack a wheel lose the permission.
    try:
        os.chmod(program, 0o755)
    except OSError:
        return _copy(program)
    return program if os.access(program, os.X_OK) else _copy(program)


def _copy(program: str) -> str:
    """A copy in a folder that only this user can write to; the one of an earlier run where its bytes are the same."""
    folder = os.path.join(tempfile.gettempdir(), f"vtsecops-{os.getuid()}")
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not _is_private(folder):
            folder = tempfile.mkdtemp(prefix="vtsecops-")
    copy = os.path.join(folder, "vtsecops")
    if not (os.access(copy, os.X_OK) and filecmp.cmp(program, copy, shallow=False)):
        # Whole or not at all: another action may be starting the same copy.
        descriptor, unfinished = tempfile.mkstemp(dir=folder)
        os.close(descriptor)
        shutil.copyfile(program, unfinished)
        os.chmod(unfinished, 0o700)
        os.replace(unfinished, copy)
    return copy


def _is_private(folder: str) -> bool:
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
