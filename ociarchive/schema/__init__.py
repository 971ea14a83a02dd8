"""What the specifications demand of documents, member by member. null counts as absent, as Go writes and reads it."""

from ociarchive.schema.configs import config_problems
from ociarchive.schema.kinds import NOTHING, Problem, found_in, shown
from ociarchive.schema.manifests import descriptor_problems, index_problems, manifest_problems, marker_problems
from ociarchive.schema.platform_members import spelled
from ociarchive.schema.required import (
    Malformed,
    config_in,
    descriptor_in,
    diff_ids_in,
    list_in,
    object_in,
    require_version,
    subject_in,
    version_in,
)
from ociarchive.values import type_name

__all__ = [
    "NOTHING",
    "Malformed",
    "Problem",
    "config_in",
    "config_problems",
    "descriptor_in",
    "descriptor_problems",
    "diff_ids_in",
    "found_in",
    "index_problems",
    "list_in",
    "manifest_problems",
    "marker_problems",
    "object_in",
    "require_version",
    "shown",
    "spelled",
    "subject_in",
    "type_name",
    "version_in",
]
