"""What a report says of an image's signatures."""

import ociarchive


def found(report: ociarchive.Report) -> list[tuple[str, str]]:
    """Give verdicts about signatures, each with its sentence."""
    wanted = [one for one in report.findings if one.rule.startswith("signature-") and one.rule != "signature-stale"]
    return sorted((one.rule.removeprefix("signature-"), one.message) for one in wanted)


def only(report: ociarchive.Report, verdict: str) -> str:
    """Give the sentence of the one verdict; the image is missing one where that is not `valid`."""
    verdicts = [one for one, _ in found(report)]
    assert verdicts == sorted([verdict, *(["missing"] if verdict != "valid" else [])])
    return next(message for one, message in found(report) if one == verdict)
