"""How to recognise a report or receipt of this program, which the next one may replace.

Every format but the table names the program where it begins: JSON as its tool, SARIF as its driver, JUnit as the name
of its suites, HTML as its generator. GitLab's Code Quality names none; its issues are known by their members and by a
fingerprint of the form that only this program gives. CSV is known by its columns. A table is text for people and bears
no mark.
"""

from __future__ import annotations

import re
from typing import Final

_BLANK: Final = re.compile(rb"\s+")
_MARKS: Final = (
    re.compile(rb'\{"schema_version":\d+,"tool":\{"name":"ociarchive"'),
    re.compile(
        rb'\{"\$schema":"[^"]*sarif[^"]*","version":"2\.1\.0","runs":\[\{"tool":\{"driver":\{"name":"ociarchive"'
    ),
    re.compile(rb'(<\?xml[^>]*>)?<testsuitesname="ociarchiveaudit"'),
    re.compile(rb'<!doctypehtml>(?:(?!</head>).)*<metaname="generator"content="ociarchive', re.IGNORECASE | re.DOTALL),
    re.compile(rb"\[\]\Z"),
    re.compile(rb"source,format,passed,errors,warnings,notes,rules,images,blobs,bytes,audited,tool,held_as"),
    re.compile(
        rb'\[\{"type":"issue","description":"(?:[^"\\]|\\.)*","check_name":"[a-z0-9-]+","categories":\["Security"\],'
        rb'"fingerprint":"[0-9a-f]{32}:\d+"'
    ),
)


def is_ours(head: bytes) -> bool:
    """Whether a file that begins so is a report or receipt of this program, in whatever layout its JSON is."""
    text = _BLANK.sub(b"", head)
    return any(mark.match(text) for mark in _MARKS)
