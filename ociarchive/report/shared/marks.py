"""How to recognise a report or receipt of this program, which the next one may replace.

Every format but the table names the program where it begins: JSON as its tool, SARIF as its driver, JUnit as the name
of its suites, HTML as its generator. GitLab's Code Quality names none; its issues are known by their members and by a
fingerprint of the form that only this program gives. CSV is known by its columns. A signed statement is known by the
base64 of how its payload begins. A table is text for people and bears no mark.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from ociarchive.auditing.provenance import BUILD_TYPE
from ociarchive.signing.predicates import SLSA, SVR
from ociarchive.signing.statement import TYPE

#: How the payloads of our statements begin, in the order in which they are written.
_PAYLOADS: Final = (
    f'{{"_type":"{TYPE}","predicateType":"{SLSA}","predicate":{{"buildDefinition":{{"buildType":"{BUILD_TYPE}"',
    f'{{"_type":"{TYPE}","predicateType":"{SVR}","predicate":{{"verifier":{{"id":"urn:ociarchive:audit:',
)
_BLANK: Final = re.compile(rb"\s+")
_MARKS: Final = (
    re.compile(rb'\{"schema_version":\d+,"tool":\{"name":"ociarchive"'),
    re.compile(
        rb'\{"\$schema":"[^"]*sarif[^"]*","version":"2\.1\.0","runs":\[\{"tool":\{"driver":\{"name":"ociarchive"'
    ),
    re.compile(rb'(<\?xml[^>]*>)?<testsuitesname="ociarchiveaudit"'),
    re.compile(rb'<!doctypehtml>(?:(?!</head>).)*<metaname="generator"content="ociarchive', re.IGNORECASE | re.DOTALL),
    re.compile(rb"\[\]\Z"),
    *(
        # The last characters depend on what follows.
        re.compile(
            re.escape(
                b'{"payloadType":"application/vnd.in-toto+json","payload":"' + base64.b64encode(one.encode())[:-4]
            )
        )
        for one in _PAYLOADS
    ),
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
