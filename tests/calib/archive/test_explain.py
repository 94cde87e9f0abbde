"""The tree of causes, as text and as data."""

from __future__ import annotations

import json
import shutil

import pytest
from archive_samples import cause, sample

from calib.archive import Archive, as_dict, explain, verify
from calib.errors import RequestError
from calib.lineage import Cause
from calib.types import Result


@pytest.fixture
def chain(archive: Archive) -> tuple[Archive, Result, Result, Result]:
    """disk <- signal <- gain, gain from disk too."""
    image = Cause("acquisition", "c" * 64, "MOON_1 (/data/MOON_1)")
    disk = sample("disk", seed=1, causes=(image,))
    signal = sample("signal", seed=2, causes=(image, cause("disk", disk)))
    gain = sample("gain", seed=3, causes=(cause("disk", disk), cause("signal", signal)))
    for result in (disk, signal, gain):
        archive.put(result)
    return archive, disk, signal, gain


def test_the_tree_is_drawn_with_each_result_once(chain: tuple[Archive, Result, Result, Result]) -> None:
    archive, disk, signal, gain = chain
    assert explain(archive, gain.key[:10]) == "\n".join(
        [
            f"gain 1 · MOON_1 · key {gain.key[:12]} · content {gain.digest[:12]}",
            "  made 2026-01-01T00:00:00Z on host in run run-1, 1.5 s",
            "  current",
            "  parameters {seed: 3, limit: 0.1}",
            f"├─ disk: disk 1 · MOON_1 · key {disk.key[:12]} · content {disk.digest[:12]}",
            "│    made 2026-01-01T00:00:00Z on host in run run-1, 1.5 s",
            "│    current",
            "│    parameters {seed: 1, limit: 0.1}",
            f"│  └─ acquisition: MOON_1 (/data/MOON_1) · content {'c' * 12}",
            f"└─ signal: signal 1 · MOON_1 · key {signal.key[:12]} · content {signal.digest[:12]}",
            "     made 2026-01-01T00:00:00Z on host in run run-1, 1.5 s",
            "     current",
            "     parameters {seed: 2, limit: 0.1}",
            f"   ├─ acquisition: MOON_1 (/data/MOON_1) · content {'c' * 12}",
            f"   └─ disk: disk 1 · MOON_1 · key {disk.key[:12]} · content {disk.digest[:12]}",
            "        (drawn above)",
        ]
    )


def test_a_superseded_result_says_by_what_when_and_why(chain: tuple[Archive, Result, Result, Result]) -> None:
    archive, *_, gain = chain
    new, idle = sample("gain", seed=7), sample("gain", seed=8)
    archive.put(new)
    archive.put(idle)
    archive.activate(new.key, ["orbit B", "PO 2"], "run-2")
    (record,) = archive.ledger.records()
    assert f"superseded on {record.utc} by {new.key[:12]} (run run-2): orbit B; PO 2" in explain(archive, gain.key)
    assert f"current since {record.utc}, in the place of {gain.key[:12]} (run run-2): orbit B; PO 2" in explain(
        archive, new.key
    )
    assert f"not current: {new.key[:12]} is" in explain(archive, idle.key)


def test_the_data_form_holds_every_result_once(chain: tuple[Archive, Result, Result, Result]) -> None:
    archive, disk, signal, gain = chain
    found = json.loads(json.dumps(as_dict(archive, gain.key)))
    assert found["key"] == gain.key
    assert set(found["results"]) == {disk.key, signal.key, gain.key}
    top = found["results"][gain.key]
    assert [item["key"] for item in top["causes"]] == [disk.key, signal.key]
    assert (
        top["parameters"] == {"seed": 3, "limit": 0.1} and top["current"] is True and top["software"] == {"numpy": "2"}
    )


def test_a_cause_that_is_lost_is_shown_and_found_by_verify(chain: tuple[Archive, Result, Result, Result]) -> None:
    archive, disk, _, gain = chain
    shutil.rmtree(archive.folder_of(disk.key, "disk"))
    assert f"key {disk.key[:12]}, no longer in this archive" in explain(archive, gain.key)
    texts = [problem.text for problem in verify(Archive(archive.folder))]
    assert len(texts) == 2 and all("is not in the archive" in text for text in texts)


def test_an_unknown_prefix_is_refused(archive: Archive) -> None:
    archive.put(sample())
    with pytest.raises(RequestError, match=r"'zz'.*holds 1.*archive list"):
        explain(archive, "zz")


def test_an_ambiguous_prefix_names_the_candidates(archive: Archive) -> None:
    results = [sample(seed=seed) for seed in range(3)]
    for result in results:
        archive.put(result)
    with pytest.raises(RequestError) as caught:
        explain(archive, "")
    assert all(result.key[:12] in str(caught.value) for result in results)
