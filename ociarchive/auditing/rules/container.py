"""Rules about the tar or folder that contains an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.auditing.controls import COMPLETENESS, IDENTITY, SAFETY
from ociarchive.auditing.rule import Rule, never, noticed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ociarchive.auditing.evidence import Evidence
    from ociarchive.auditing.rule import Fault

_TAR = "POSIX.1-2017, pax, ustar Interchange Format"
_AGAIN = "Get the archive again from where it was made; compare sizes and a checksum made there."


def _devices(evidence: Evidence) -> Iterator[Fault]:
    """A device that is requested as a file is a separate error, and reported once."""
    asked = {flaw.subject for flaw in evidence.flaws if flaw.rule == "member-special"}
    found = noticed("member-device")(evidence)
    return (fault for fault in found if fault.subject is None or fault.subject not in asked)


RULES: Final = (
    Rule(
        id="not-an-archive", severity="error", control=COMPLETENESS, spec="the formats that `convert --to` lists",
        summary="The file or folder is no image archive of a known format.",
        advice="Check that this is the file that was meant, and that it was copied whole.",
        check=never,
    ),
    Rule(
        id="archive-wrapped", severity="warning", control=SAFETY,
        spec="containers-transports(5); image-spec, image-layout.md",
        summary="The archive lies in a tar in a way that other programs do not read.",
        advice="Unpack the tar and use what lies in it, or let `convert` write the archive anew.",
        check=noticed("archive-wrapped"),
    ),
    Rule(
        id="expected-digest-missing", severity="error", control=IDENTITY, spec="the selector of the call",
        summary="The archive holds nothing of the digest that it was expected to hold.",
        advice="This is another image than the one that was meant, or it was rewritten: compare its receipt.",
        check=never,
    ),
    Rule(
        id="receipt-mismatch", severity="error", control=IDENTITY, spec="the receipt of the call",
        summary="The archive is not called what the receipt of its conversion says, or holds something else.",
        advice="The archive was changed after the conversion, or it is not the one the receipt is of.",
        check=never,
    ),
    Rule(
        id="tar-damaged", severity="error", control=SAFETY, spec=_TAR,
        summary="A header of the tar cannot be read: what stands behind it cannot be known.",
        advice=_AGAIN, check=noticed("tar-damaged"),
    ),
    Rule(
        id="tar-truncated", severity="error", control=COMPLETENESS, spec=_TAR,
        summary="The tar ends before its end marker, two blocks of zeros.",
        advice=_AGAIN, check=noticed("tar-truncated"),
    ),
    Rule(
        id="tar-sizes-differ", severity="error", control=SAFETY,
        spec="POSIX.1-2017, pax, pax Extended Header; CVE-2025-62518",
        summary="A PAX header and the header behind it give different sizes, so two readers see two archives.",
        advice="Do not use this archive; find out who made it.", check=noticed("tar-sizes-differ"),
    ),
    Rule(
        id="tar-ambiguous", severity="error", control=SAFETY, spec="POSIX.1-2017, pax; GNU tar manual; Go, archive/tar",
        summary="A header means one thing to some readers and another to others: they see two archives.",
        advice="Do not use this archive; find out who made it.", check=noticed("tar-ambiguous"),
    ),
    Rule(
        id="data-after-end", severity="error", control=SAFETY, spec=_TAR,
        summary="Bytes other than zeros follow the end of the tar; most readers never see them.",
        advice="Find out what they are; pack the archive again without them.", check=noticed("data-after-end"),
    ),
    Rule(
        id="member-doubled", severity="error", control=SAFETY,
        spec="POSIX.1-2017, pax (later members replace earlier ones)",
        summary="Two members of a name differ: engines take the first, `tar -x` leaves the last.",
        advice="Do not use this archive; find out who made it.", check=noticed("member-doubled"),
    ),
    Rule(
        id="member-doubled-same", severity="warning", control=SAFETY,
        spec="POSIX.1-2017, pax (later members replace earlier ones)",
        summary="A member stands twice with the same content.",
        advice="Nothing need be done; `convert` writes it once.", check=noticed("member-doubled-same"),
    ),
    Rule(
        id="member-name", severity="error", control=SAFETY, spec="CVE-2014-9358",
        summary="A member's name leads out of the archive, or is none.",
        advice="Do not unpack this archive; find out who made it.", check=noticed("member-name"),
    ),
    Rule(
        id="member-special", severity="error", control=SAFETY, spec="image-spec, image-layout.md, Content",
        summary="A folder, device, FIFO or sparse file stands where a file is expected.",
        advice="Get the archive again from where it was made.", check=noticed("member-special"),
    ),
    Rule(
        id="member-linked", severity="warning", control=SAFETY, spec="containers/image, docker/internal/tarfile",
        summary="A file of a docker-archive is a hard link, which podman and skopeo do not follow.",
        advice="They refuse the archive, Docker may take it; `convert` writes the file itself.",
        check=noticed("member-linked"),
    ),
    Rule(
        id="member-device", severity="warning", control=SAFETY,
        spec="POSIX.1-2017, pax; image-spec, image-layout.md, Content",
        summary="A device or FIFO lies beside the archive's own members: `tar -x` as root would make it.",
        advice="Pack the archive again without it; `convert` does.", check=_devices,
    ),
    Rule(
        id="link-escapes", severity="error", control=SAFETY, spec="CVE-2014-9358",
        summary="A link leads out of the archive; it is never followed.",
        advice="Copy what it leads to into the archive.", check=noticed("link-escapes"),
    ),
    Rule(
        id="link-dangling", severity="error", control=COMPLETENESS, spec="image-spec, image-layout.md, Content",
        summary="A link leads to nothing.",
        advice="Get the archive again from where it was made.", check=noticed("link-dangling"),
    ),
    Rule(
        id="link-loop", severity="error", control=SAFETY, spec="POSIX.1-2017, Pathname Resolution",
        summary="A link leads in a circle.",
        advice="Get the archive again from where it was made.", check=noticed("link-loop"),
    ),
    Rule(
        id="outer-damaged", severity="error", control=SAFETY, spec="RFC 1952; RFC 8878; the .xz file format; bzip2",
        summary="The compression of the whole archive is damaged, cut, or followed by something else.",
        advice=_AGAIN, check=noticed("outer-damaged"),
    ),
    Rule(
        id="member-name-absolute", severity="warning", control=SAFETY, spec="POSIX.1-2017, pax; CVE-2014-9358",
        summary="A member's name begins with a slash; readers leave it out, or write outside of where they should.",
        advice="Pack the archive again with relative names; `convert` does.", check=noticed("member-name-absolute"),
    ),
    Rule(
        id="member-not-a-folder", severity="error", control=SAFETY,
        spec="POSIX.1-2017, pax; image-spec, image-layout.md",
        summary="A file stands where other members, or blobs, need a folder.",
        advice="Get the archive again from where it was made.", check=noticed("member-not-a-folder"),
    ),
    Rule(
        id="limit-name", severity="error", control=SAFETY, spec="limits of this program (--limit name=N, names-size=N)",
        summary="A member's name is longer than any file system takes, or all together than fits into memory.",
        advice="Do not use this archive; find out who made it.", check=noticed("limit-name"),
    ),
    Rule(
        id="limit-links", severity="error", control=SAFETY, spec="limits of this program (--limit links=N, name=N)",
        summary="Following the links of the archive takes more steps, or longer paths, than those of real ones do.",
        advice="Do not use this archive; find out who made it.", check=noticed("limit-links"),
    ),
    Rule(
        id="limit-extended", severity="error", control=SAFETY, spec="a limit of this program (--limit extended=N)",
        summary="An extended tar header claims more than any real one has.",
        advice="Do not use this archive; find out who made it.", check=noticed("limit-extended"),
    ),
    Rule(
        id="limit-members", severity="error", control=SAFETY, spec="a limit of this program (--limit members=N)",
        summary="The tar has more members than any real archive.",
        advice="Pack the archive again without what does not belong to it.", check=noticed("limit-members"),
    ),
)  # fmt: skip
