"""The versions in reports: of the program, Python and the codecs."""

from __future__ import annotations

import platform
from typing import Final

import deflate
import zstandard

from ociarchive.version import VERSION

try:
    from isal import __version__ as _isal
except ImportError:
    _isal = ""

_INFLATE: Final = f"isal {_isal}" if _isal else "zlib"


def versions() -> dict[str, str]:
    """Return the versions of the program, Python and the codecs."""
    return {
        "ociarchive": VERSION,
        "Python": platform.python_version(),
        "libdeflate": f"by deflate {deflate.__version__}",
        "zstd": f"{'.'.join(map(str, zstandard.ZSTD_VERSION))} by zstandard {zstandard.__version__}",
        "inflate": _INFLATE,
    }
