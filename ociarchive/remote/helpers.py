"""Credential helpers of Docker and podman: the one place of the package that starts a program.

A helper keeps passwords in a keychain (docker-credential-helpers). The user's own configuration names it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Final

from ociarchive import documents
from ociarchive.errors import ContentError, HostError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
#: A helper may ask its user for the keychain's password, in seconds.
_PATIENCE: Final = 120
_MOST: Final = 1 << 20
#: What helpers print where they know nothing of a server (docker-credential-helpers, credentials/error.go).
_UNKNOWN: Final = "credentials not found"


def ask(name: str, server: str, where: str) -> tuple[str, str] | None:
    """Return the user name and the secret that a helper has for a server, None where it has none.

    `where` is the file that names the helper. HostError: it is not installed, or fails. What it prints is never shown.
    """
    program = f"docker-credential-{name}"
    path = shutil.which(program) if _NAME.match(name) else None
    if path is None:
        raise HostError(f"the credential helper {program!r} is not on PATH", where=where)
    try:
        done = subprocess.run(  # noqa: S603  the user's own configuration names it; no shell reads the arguments
            [path, "get"], input=server.encode(), capture_output=True, timeout=_PATIENCE, check=False, env=os.environ
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise HostError(f"the credential helper {program} cannot be run: {type(error).__name__}", where=where) from None
    if done.returncode:
        if _UNKNOWN in (done.stdout + done.stderr).decode("utf-8", "replace").lower():
            return None
        raise HostError(f"the credential helper {program} fails with status {done.returncode}", where=where)
    try:
        found = documents.parse(done.stdout, where, limit=_MOST).members
    except ContentError:
        found = {}
    user, secret = found.get("Username"), found.get("Secret")
    if not isinstance(user, str) or not isinstance(secret, str):
        raise HostError(f"the credential helper {program} does not answer as one", where=where)
    return (user, secret) if secret else None
