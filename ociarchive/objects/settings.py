"""Where the AWS tools find credentials, a region and an endpoint: the environment, then a profile of their files.

What stands in neither is left to obstore: web identities, containers and the instance's own service.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

from ociarchive.errors import UsageError

#: Settings of obstore, by the keys of a profile (AWS CLI, Configuration and credential file settings).
_OF_PROFILES: Final = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}
#: The variables that say the same, the first one before the others.
_OF_VARIABLES: Final = {
    "access_key_id": ("AWS_ACCESS_KEY_ID",),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
_SECRETS: Final = ("access_key_id", "secret_access_key", "session_token")
_REGION: Final = "us-east-1"
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9._~%:@\[\]-]+(?:/[!-~]*)?")
#: What else says who is asking: then keys of a profile are not taken.
_OTHER_WAYS: Final = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_SKIP_SIGNATURE")


def settings() -> dict[str, str]:
    """Return what is set, by obstore's names.

    UsageError: AWS_PROFILE names none, a file cannot be read, or the endpoint is no address.
    """
    said = {
        name: value
        for name, names in _OF_VARIABLES.items()
        if (value := next((os.environ[one] for one in names if os.environ.get(one)), None)) is not None
    }
    profile = _profile()
    if "access_key_id" in said or any(os.environ.get(name) for name in _OTHER_WAYS):
        profile = _without_secrets(profile)
    found = {"region": _REGION} | profile | said
    _require_endpoint(found.get("endpoint"))
    return found


def _without_secrets(found: dict[str, str]) -> dict[str, str]:
    """Return settings without credentials: those of one file go together, never with parts of another's."""
    return {name: value for name, value in found.items() if name not in _SECRETS}


def _require_endpoint(endpoint: str | None) -> None:
    """Refuse, without showing it, what is no address: it may hold a password, and the library ends in a panic."""
    try:
        if endpoint is None or (_ENDPOINT.fullmatch(endpoint) and urlsplit(endpoint).port != 0):
            return
    except ValueError:
        pass
    hint = "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's endpoint_url says it"
    raise UsageError("the endpoint of object storage is no address", expected="http(s)://HOST[:PORT]", hint=hint)


def _profile() -> dict[str, str]:
    asked = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    name = asked or "default"
    library = import_module("configparser")  # only where object storage is asked for
    found: dict[str, str] = {}
    any_section = False
    for variable, usual, section in (
        ("AWS_CONFIG_FILE", "~/.aws/config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", name),
    ):
        path = os.path.expanduser(os.environ.get(variable) or usual)
        parser = library.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (library.Error, UnicodeError, OSError) as error:
            raise UsageError(f"the settings of AWS cannot be read: {type(error).__name__}", where=path) from None
        if parser.has_section(section):
            any_section = True
            kept = {_OF_PROFILES[key]: value for key, value in parser.items(section) if key in _OF_PROFILES and value}
            found = (_without_secrets(found) if "access_key_id" in kept else found) | kept
    if asked and not any_section:
        raise UsageError("AWS_PROFILE names a profile that no file has", found=asked)
    return found
