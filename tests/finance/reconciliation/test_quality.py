"""The measure itself, small: a ledger's own past answers, months do not leak them, and the bars hold on one more ledger."""

from __future__ import annotations

from typing import Any

import pytest

from bench.reconciliation import ledgers, measure
from finance.reconciliation.history import ENOUGH, calibrated
from finance.reconciliation.model import Model, isotonic, shares, shipped
from finance.reconciliation.models import Learned


@pytest.fixture(scope="module")
def books() -> ledgers.Books:
    return ledgers.demo(7, 2)


def test_a_month_is_open_as_it_was_before_its_bank_lines_were_matched(books: ledgers.Books) -> None:
    solved = 0
    for truths, items in books.windows():
        for truth in truths:
            assert not set(truth.own) & set(items)
            if truth.items and set(truth.items) <= set(items):
                solved += 1
                owed = sum(items[key].balance for key in truth.items)
                assert owed * truth.line.amount > 0
    assert solved > 500


@pytest.mark.slow
def test_the_bars_hold_on_another_ledger(books: ledgers.Books) -> None:
    found = measure.run(books, 7, shipped())
    assert found.right >= 0.99 * found.selected
    assert found.right_solvable >= 0.80 * found.solvable  # one small ledger; all held-out ones together: 0.85
    assert found.first >= 0.93 * found.solvable
    assert found.twins > 5
    assert found.twins_selected == 0
    assert found.plain["right_solvable"] < found.right_solvable


@pytest.mark.slow
def test_a_ledger_is_calibrated_on_its_own_past(books: ledgers.Books) -> None:
    model, lines = calibrated(books, shipped())
    assert lines >= ENOUGH
    assert model.weights == shipped().weights
    assert model.knots != shipped().knots
    few = ledgers.demo(7, 1)
    few.truths = few.truths[:100]
    assert calibrated(few, shipped())[0] is shipped()


def test_calibration_is_monotone_and_never_certain() -> None:
    pairs = [(place / 1000, place % 10 < place / 100) for place in range(1000)]
    model = Model({}, isotonic(pairs))
    given = [model.confidence(place / 100) for place in range(101)]
    assert given == sorted(given)
    assert 0.0 <= given[0] < 0.1
    assert 0.9 < given[-1] < 1.0
    assert isotonic([]) == ()


def test_equal_candidates_share_what_there_is() -> None:
    assert shares([]) == []
    assert shares([500.0, 500.0]) == pytest.approx([0.5, 0.5])
    assert sum(shares([1.0, 2.0, 3.0])) < 1


@pytest.mark.django_db
def test_the_past_of_a_loaded_ledger_teaches_names_and_fees(ledger: Any) -> None:
    learned = Learned.objects.get(connector_id=ledger.pk)
    assert learned.lines > 30
    assert "HARBOUR LANE CAFE" in learned.knowledge["names"]
    assert "1250" in learned.knowledge["fees"]["EUR"]
