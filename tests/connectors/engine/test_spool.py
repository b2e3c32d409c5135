"""Batches that are read again: few from memory, many from disk."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from connectors.engine import spool
from connectors.engine.spool import Spool


@pytest.mark.parametrize(("most", "on_disk"), [(1 << 20, False), (100, True), (0, True)])
def test_batches_come_back_in_order_and_more_than_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, on_disk: bool
) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", most)
    batches = [pa.record_batch({"n": pa.array(range(start, start + 10))}) for start in range(0, 50, 10)]
    batches.append(pa.record_batch({"other": pa.array(["x"])}))
    kept = Spool(tmp_path)
    for batch in batches[:3]:
        kept.add(batch)
    assert list(kept.batches()) == batches[:3]
    for batch in batches[3:]:
        kept.add(batch)
    assert list(kept.batches()) == list(kept.batches()) == batches
    assert kept.rows == 51
    assert any(tmp_path.iterdir()) is on_disk
    kept.close()
    assert not any(tmp_path.iterdir())
    assert list(kept.batches()) == []
