"""Many small archives in one call of ociarchive, beside a loop that calls skopeo for each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from benchmarks import images, process
from benchmarks.comparison import DEFAULT, SKOPEO
from benchmarks.jobs import NO_AUDIT

if TYPE_CHECKING:
    from benchmarks.comparison import JobResult

#: Bytes of each layer: small, so that what each archive costs weighs more than its bytes.
_LAYERS = (32 << 10,) * 3
#: Its arguments are a folder of archives, skopeo, and DEST.
_LOOP = 'for one in "$0"/*.tar; do name=${one##*/}; "$1" --insecure-policy copy --quiet "docker-archive:$one" %s; done'


def measure(work: str, converted: int, audited: int, rounds: int, peer: str) -> list[JobResult]:
    """Convert so many archives, then audit so many, each round in one call and then in a loop; 0 leaves a job out.

    FailedError: ociarchive, or skopeo, failed.
    """
    found: list[JobResult] = []
    dest = os.path.join(work, "many-dest")
    for command, count, name, note in (
        ("convert", converted, f"{converted:,} small images to one OCI layout, gzip", ""),
        ("audit", audited, f"audit of {audited:,} small archives", NO_AUDIT),
    ):
        if not count:
            continue
        folder = os.path.join(work, "many")
        paths = _build(folder, count)
        if command == "audit":
            ours, target = ["audit", *paths, "--format", "json"], '"dir:$2/$name"'
        else:
            ours = ["convert", *paths, dest, "--to", "oci-layout", "--compression", "gzip", "--quiet"]
            target = '"oci:$2:${name%.tar}"'
        commands = {DEFAULT: [*process.ociarchive(), *ours]}
        if peer:
            commands[SKOPEO] = ["sh", "-ec", _LOOP % target, folder, peer, dest]
        job: JobResult = {"name": name, "note": note, "floor": None, "runs": {}, "sizes": {}, "ids_kept": {}}
        for _ in range(rounds):
            for who, argv in commands.items():
                process.clear(dest)
                if command == "audit":  # skopeo has none: it copies each into a folder of its own there
                    os.mkdir(dest)
                job["runs"].setdefault(who, []).append(process.run(argv).as_json())
        process.clear(dest)
        process.clear(folder)
        found.append(job)
    return found


def _build(folder: str, count: int) -> list[str]:
    process.clear(folder)
    os.makedirs(folder)
    paths = [os.path.join(folder, f"{number:04}.tar") for number in range(count)]
    for number, path in enumerate(paths):
        images.of_noise(path, _LAYERS, number, name=f"bench.example/app{number}:1")
    process.settle(folder)
    return paths
