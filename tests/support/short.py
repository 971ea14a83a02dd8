"""What the short suite leaves out: `pytest` runs the rest in under two minutes, `pytest -m slow` what is left out here.

A table of hundreds of rows that go one way through the program shows a fault in its first dozens; the others are for
those who change something, and for CI. Each entry says how many rows of a test the short suite passes over for one that
it runs; None leaves out all.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

#: By the beginning of a test's id; the first that fits counts.
LEFT_OUT: Final[dict[str, int | None]] = {
    # Every archive of the corpus into every format and compression, and each pair compared.
    "tests/cli/test_corpus.py::test_converts": 49,
    "tests/cli/test_diff_corpus.py": 9,
    "tests/report/test_schemas.py": 8,
    "tests/report/test_widths.py": 7,
    # Every fault of the catalogue, through every format or in every archive.
    "tests/audit/test_mutants.py::test_every_archive": 3,
    "tests/audit/test_mutants.py::test_every": 0,
    "tests/audit/test_mutants.py": 79,
    "tests/audit/test_causes.py": 23,
    "tests/audit/test_flips.py": 8,
    "tests/audit/test_rules.py::test_findings_are_the_same_each_time": None,
    "tests/audit/test_rules.py::test_fails": 9,
    "tests/audit/test_rules.py::test_passes": 9,
    "tests/audit/test_lawful.py": 5,
    "tests/audit/test_corpus.py": 3,
    "tests/audit/test_policy.py": 7,
    "tests/audit/test_receipts.py": 11,
    "tests/formats/test_producers": 9,
    "tests/formats/test_streams.py::test_a_hundred_thousand": None,
    "tests/formats/test_streams.py": 11,
    # Registries, catalogues, parts, deltas, storage of engines: some ways through each.
    "tests/registry/test_pull.py": None,
    "tests/registry/test_push.py": 5,
    "tests/registry/test_specification.py": 5,
    "tests/registry": None,
    "tests/catalogue/test_catalogue.py::test_other_terms_are_another_audit": None,
    "tests/catalogue/test_catalogue.py::test_sources_come_from_a_list": None,
    "tests/catalogue/test_catalogue.py::test_a_pipe": None,
    "tests/catalogue/test_catalogue.py": 9,
    "tests/catalogue": None,
    "tests/engines/test_real_dask.py": None,
    "tests/engines/test_dask.py": 5,
    "tests/engines/test_objects.py": None,
    "tests/compare": None,
    "tests/cli/test_deltas.py": 5,
    "tests/docs/test_jobs.py::test_the_commands_of_the_page_of_registries": None,
    "tests/docs/test_jobs.py::test_the_commands_of_the_page_of_object_storage": None,
    "tests/docs/test_jobs.py": 3,
    "tests/docs/test_pages.py::test_a_row_for_contributors": None,
    "tests/cli/test_terminals.py::test_what_has_no_boxes": None,
    "tests/docs/test_pages.py::test_a_type_checker": None,
    "tests/unit/test_parts.py::test_more_than_a_thousand": None,
    "tests/unit/test_parts.py::test_the_longest_list": None,
    "tests/unit/test_parts.py::test_any_part_is_made_again": None,
    "tests/unit/test_parts.py": 9,
    "tests/unit/test_pieces.py": None,
    "tests/benchmarks/test_measuring.py": 2,
    "tests/unit/test_signatures_offline.py": None,
    "tests/unit/test_signatures.py": 9,
    "tests/unit/test_signature_policy.py": 9,
    "tests/unit/test_signatures_carried.py": 9,
    "tests/unit/test_simple_signing.py::test_a_bomb": None,
    "tests/unit/test_simple_signing.py": 5,
    "tests/cli/test_proof.py": 7,
    "tests/cli/test_messages.py": 2,
    "tests/cli/test_start.py": 2,
    "tests/cli/test_words.py": 2,
    "tests/cli/test_near.py": 3,
    "tests/unit/test_attestations.py": 5,
    "tests/unit/test_notary.py::test_an_odd_certificate": None,
    "tests/unit/test_notary.py": 9,
    "tests/unit/test_keyless.py": 9,
    "tests/unit/test_stores.py": 9,
    "tests/formats/test_storage.py": 9,
    "tests/formats/test_old_images.py": 5,
    "tests/report/test_html.py::test_corpus": None,
    "tests/report/test_html.py::test_a_list_of_many": None,
    "tests/report/test_html.py": 3,
    "tests/report/test_piecewise.py::test_memory_does_not_grow": None,
    "tests/cli/test_texts.py": None,
    "tests/cli/test_readme.py::test_the_examples": 2,
    "tests/cli/test_beside.py": 2,
    "tests/formats/test_additional_stores.py": 5,
    "tests/report/test_evidence_in_reports.py": 2,
    "tests/report/test_pipelines.py": 3,
    "tests/cli/test_statuses.py": 5,
    "tests/unit/test_audits.py::test_a_report_is_values": 3,
    "tests/unit/test_registry_storage.py": 2,
    "tests/unit/test_codec.py": 3,
    "tests/unit/test_values.py::test_any_digest_of_the_grammar": None,
    "tests/unit/test_values.py::test_no_digest_is_dangerous": None,
    "tests/unit/test_values.py::test_any_reference_of_the_grammar": None,
    "tests/unit/test_values.py": 3,
    "tests/unit/test_tar.py::test_reads_what_tarfile_reads": None,
    "tests/unit/test_tar.py::test_a_tar_cut_anywhere": None,
    "tests/unit/test_tar.py::test_every_changed_bit": None,
    "tests/unit/test_tar.py": 3,
    "tests/unit/test_comparison.py::test_paths_agree_with_tarfile": None,
    "tests/unit/test_aligning.py::test_partners_keep_the_order": None,
    "tests/unit/test_rewrite.py::test_subjects_follow_through_chains_of_any_length": None,
    "tests/unit/test_report.py": 3,
    "tests/unit/test_gojson.py": 3,
    "tests/unit/test_v1image.py": 3,
    "tests/unit/test_destination.py": 3,
    "tests/unit/test_existing.py": 3,
    "tests/unit/test_index_create.py": 3,
    "tests/unit/test_renaming.py": 3,
    "tests/unit/test_credentials.py": 3,
    "tests/unit/test_remote.py": 3,
    # Random archives, headers and pairs.
    "tests/property": None,
    "tests/differential": None,
    "tests/fuzz": None,
    "tests/mutation": None,
    # Memory, measured.
    "tests/cli/test_inspect.py::test_a_listing_keeps_nothing": None,
    "tests/unit/test_audits.py::test_memory": None,
    # Processes within bounds, kills, full disks, single calls that fail.
    "tests/hostile/test_wide.py": None,
    "tests/hostile/test_loops.py": None,
    "tests/hostile/test_reader_loops.py": None,
    "tests/hostile": None,
    "tests/faults": None,
    # Other programs, browsers, shells, wheels.
    "tests/interop": None,
    "tests/integration": None,
    "tests/release": None,
    "tests/report/test_browser.py": None,
    "tests/cli/test_completion.py": None,
    "tests/cli/test_recording.py": None,
}


#: What takes up to a minute a row: CI runs some of it, `-m wide` the others.
WIDE: Final = ("tests/hostile/test_wide.py", "tests/hostile/test_loops.py", "tests/hostile/test_reader_loops.py")
#: What CI runs of it: of each kind one that ends soon.
IN_CI: Final = (
    "fans-out-in-10-to-the-15-ways",
    "texts-that-are-wide",
    "tags-100-000",
    "indexes-2-500-above-2-300-images",
    "requirements-20-000-of-one-keyring",
    "links-7-000-to-deep-paths",
    "ways-8-000-to-speak-of-a-table",
    "receipt-of-230-000-blobs",
    "revisions-8-000-of-one-document",
    "schema-1-of-14-000-steps",
    "docker-40-000-names-of-nothing",
    "bolt-pages-that-are-shared",
    "layers-500-of-one-tar-split",
    "indexes-4-500-of-large-images",
    "statements-3-000-without-a-tag",
    "folders-2-000-around-7-500-members",
    "layers-200-of-one-file",
)
#: The same of single rows: others of their kind go the same way, with less of it.
WIDE_ROWS: Final = (
    "tests/hostile/test_signed.py::test_many_signatures_are_not_tried_with_many_keys[p-256]",
    "tests/hostile/test_signed.py::test_many_signatures_are_not_tried_with_many_keys[p-384]",
    "tests/hostile/test_signed.py::test_many_signatures_are_not_tried_with_many_keys[p-521]",
    "tests/hostile/test_signed.py::test_signatures_of_an_image_with_very_many_names_are_checked_by_few_policies[a-policy-of-signers]",
    "tests/hostile/test_signed.py::test_signatures_of_an_image_with_very_many_names_are_checked_by_few_policies[one-policy]",
    "tests/hostile/test_nested.py::test_an_archive_in_the_deepest_folder",
    "tests/hostile/test_dest.py::test_a_dest_of_very_many_files_is_looked_at_once",
    "tests/hostile/test_trust.py::test_settings_that_are_none[keys-of-2-500-parts]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-gzip-members-a-million]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[document-referrers-in-a-chain-of-2-000]",
    "tests/hostile/test_tables.py::test_one_name_a_hundred_thousand_times",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[tar-members-a-million]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[tar-strays-100-000]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[document-documents-2-000]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-gzip-members-a-million-around]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-zstd-frames-a-million]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-zstd-frames-of-one-byte]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-bzip2-streams-700-000]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-zeros-512-mib]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[document-entries-20-000-beside-15-000-roots]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[folder-files-20-000]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-zeros-in-xz]",
    "tests/hostile/test_hostile.py::test_comes_to_its_end[layer-zeros-512-mib-at-a-ratio-of-100]",
)


#: The root of the tests' ids.
_ROOT: Final = Path(__file__).parents[2]


def holds_nothing(path: Path) -> bool:
    """Tell whether the short suite leaves out all that a file of tests holds, so that it need not be read."""
    if not path.is_file() or not path.is_relative_to(_ROOT):
        return False
    name = path.relative_to(_ROOT).as_posix()
    start = next((one for one in LEFT_OUT if name == one or name.startswith(f"{one}/")), None)
    return start is not None and LEFT_OUT[start] is None


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark as slow what the short suite leaves out; which rows these are depends on their order alone."""
    counts: Counter[str] = Counter()
    for item in items:
        name = item.nodeid  # put together each time that it is asked for
        start = next((one for one in LEFT_OUT if name.startswith(one)), None)
        if start is None:
            continue
        if name in WIDE_ROWS:
            item.add_marker(pytest.mark.wide)
            continue
        over = LEFT_OUT[start]
        test, _, row = name.rstrip("]").partition("[")
        if start in WIDE:
            item.add_marker(pytest.mark.slow if row in IN_CI else pytest.mark.wide)
            continue
        if over is None or counts[test] % (over + 1):
            item.add_marker(pytest.mark.slow)
        counts[test] += 1
