"""The tables of a catalogue, and the way from each earlier version to this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ociarchive.blobio.sqlitefile import APPLICATION_ID

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_FIRST: Final = """
CREATE TABLE terms (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, tool TEXT NOT NULL, policy TEXT NOT NULL,
    limits TEXT NOT NULL, demands TEXT NOT NULL);
CREATE TABLE archives (
    id INTEGER PRIMARY KEY, path NOT NULL UNIQUE, source NOT NULL, kind TEXT NOT NULL, size INTEGER, mtime_ns INTEGER,
    ctime_ns INTEGER, stamp TEXT, format TEXT, verdict TEXT NOT NULL, errors INTEGER NOT NULL,
    warnings INTEGER NOT NULL, notes INTEGER NOT NULL, images INTEGER NOT NULL, blobs INTEGER NOT NULL,
    bytes INTEGER NOT NULL, terms INTEGER NOT NULL REFERENCES terms (id), audited TEXT NOT NULL);
CREATE TABLE findings (
    archive INTEGER NOT NULL REFERENCES archives (id) ON DELETE CASCADE, number INTEGER NOT NULL, rule TEXT NOT NULL,
    severity TEXT NOT NULL, waived INTEGER NOT NULL, subject TEXT, location TEXT NOT NULL, message TEXT NOT NULL,
    expected TEXT, found TEXT, PRIMARY KEY (archive, number)) WITHOUT ROWID;
CREATE TABLE images (
    archive INTEGER NOT NULL REFERENCES archives (id) ON DELETE CASCADE, number INTEGER NOT NULL, image_id TEXT,
    manifest TEXT, index_digest TEXT, platform TEXT, PRIMARY KEY (archive, number)) WITHOUT ROWID;
CREATE INDEX images_by_id ON images (image_id);
CREATE INDEX images_by_manifest ON images (manifest);
CREATE TABLE names (
    archive INTEGER NOT NULL REFERENCES archives (id) ON DELETE CASCADE, image INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (archive, image, name)) WITHOUT ROWID;
CREATE INDEX names_by_name ON names (name);
CREATE TABLE layers (
    archive INTEGER NOT NULL REFERENCES archives (id) ON DELETE CASCADE, image INTEGER NOT NULL,
    number INTEGER NOT NULL, digest TEXT, diff_id TEXT, chain_id TEXT, size INTEGER, unpacked_size INTEGER,
    media_type TEXT, codec TEXT, present INTEGER NOT NULL, verified INTEGER,
    PRIMARY KEY (archive, image, number)) WITHOUT ROWID;
CREATE INDEX layers_by_digest ON layers (digest);
CREATE INDEX layers_by_diff_id ON layers (diff_id);
CREATE TABLE blobs (
    archive INTEGER NOT NULL REFERENCES archives (id) ON DELETE CASCADE, digest TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (archive, digest)) WITHOUT ROWID;
CREATE INDEX blobs_by_digest ON blobs (digest);
CREATE TABLE reports (
    archive INTEGER PRIMARY KEY REFERENCES archives (id) ON DELETE CASCADE, verdict BLOB NOT NULL,
    listed BLOB, proof BLOB);
CREATE TABLE facts (
    digest TEXT PRIMARY KEY, size INTEGER NOT NULL, diff_id TEXT NOT NULL, unpacked_size INTEGER NOT NULL,
    codec TEXT NOT NULL, tool TEXT NOT NULL, limits TEXT NOT NULL, fact BLOB NOT NULL) WITHOUT ROWID;
CREATE VIEW held AS
    SELECT archive, image_id AS what, 'image' AS kind FROM images WHERE image_id IS NOT NULL
    UNION ALL SELECT archive, manifest, 'manifest' FROM images WHERE manifest IS NOT NULL
    UNION ALL SELECT archive, digest, 'blob' FROM blobs
    UNION ALL SELECT archive, digest, 'layer' FROM layers WHERE digest IS NOT NULL AND present
    UNION ALL SELECT archive, diff_id, 'diff_id' FROM layers WHERE diff_id IS NOT NULL AND present
    UNION ALL SELECT archive, name, 'name' FROM names;
"""
#: The limits of an audit are longer than all else that is known of a layer: each is kept once, and new layers stand
#: behind one another. Who asks for `facts` finds what stood there before.
_SECOND: Final = """
CREATE TABLE limits (id INTEGER PRIMARY KEY, limits TEXT NOT NULL UNIQUE);
CREATE TABLE proved (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, diff_id TEXT NOT NULL,
    unpacked_size INTEGER NOT NULL, codec TEXT NOT NULL, tool TEXT NOT NULL,
    limits INTEGER NOT NULL REFERENCES limits (id), fact BLOB NOT NULL);
INSERT INTO limits (limits) SELECT DISTINCT limits FROM facts;
INSERT INTO proved (digest, size, diff_id, unpacked_size, codec, tool, limits, fact)
    SELECT f.digest, f.size, f.diff_id, f.unpacked_size, f.codec, f.tool, l.id, f.fact
    FROM facts f JOIN limits l ON l.limits = f.limits;
DROP TABLE facts;
CREATE VIEW facts AS
    SELECT p.digest, p.size, p.diff_id, p.unpacked_size, p.codec, p.tool, l.limits, p.fact
    FROM proved p JOIN limits l ON l.id = p.limits;
"""
#: The statements that lead from the version before to each version. A new version adds an entry and changes none.
STEPS: Final[Mapping[int, str]] = {1: _FIRST, 2: _SECOND}
#: The earliest version in which all stands that is only read.
OLDEST_READ: Final = 1


def upgrade(connection: sqlite3.Connection, before: int, steps: Mapping[int, str] = STEPS) -> None:
    """Bring a file of an earlier version (0: an empty one) to the last of the steps, as a whole or not at all."""
    last = max(steps)
    if before == last:
        return
    todo = "".join(steps[version] for version in range(before + 1, last + 1))
    connection.executescript(
        f"BEGIN IMMEDIATE; {todo} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {last}; COMMIT;"
    )
