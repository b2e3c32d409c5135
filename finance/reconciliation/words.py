"""The evidence for a candidate in words, and as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from finance.reconciliation.features import Features, Reading
from finance.reconciliation.find import Found, Payer
from finance.reconciliation.records import BankLine, Evidence, Market

Weight = Callable[..., float]
HOW = {
    "full": "reference {number} found",
    "core": "reference {number} found without its prefix",
    "fuzzy": "reference {number} found with one slip",
    "tail": "the last digits of {number} found",
}
PARTNER = {
    "same": ("partner", "the bank line names this partner"),
    "name": ("partner_name", "the name on the statement is the partner's"),
    "text": ("partner_text", "the partner's name stands in the text"),
    "alias_name": ("partner_alias", "this name has paid for the partner before"),
    "alias_text": ("partner_alias", "such a text came from the partner before"),
    "maybe": ("partner_like", "the name on the statement is like the partner's"),
    "contrary": ("partner_contrary", "the bank line is of another partner"),
    "other": ("partner_other", "the statement names another partner"),
    "unlike": ("partner_unknown", "the name on the statement is not known as this partner's"),
    "several": ("partner_several", "the items belong to several partners"),
}


def evidence(
    line: BankLine,
    found: Found,
    reading: Reading,
    features: Features,
    payer: Payer,
    market: Market,
    weights: Mapping[str, float],
    with_lines: Sequence[int],
) -> tuple[Evidence, ...]:
    """Every reason, in the order of amount, text, partner, time."""

    def weight(*names: str) -> float:
        return round(sum(weights.get(name, 0.0) * features.get(name, 0.0) for name in names), 2)

    return (
        *_amount(line, found, market, weight, with_lines),
        *_text(found, reading, weight),
        *_partner(features, weight),
        *_time(line, found, features, weight),
    )


def _amount(line: BankLine, found: Found, market: Market, weight: Weight, with_lines: Sequence[int]) -> Iterator[Evidence]:
    fit, count = found.fit, len(found.items)
    off = market.text(abs(fit.difference), fit.currency)
    data = {"difference": fit.difference, "currency": fit.currency, "items": count}
    what = f"sum of {count} items" if count > 1 else "amount"
    if fit.kind == "exact":
        yield Evidence(
            "amount_exact" if count == 1 else "sum_exact", f"{what} exact", weight("exact", "sum_exact", "sum_more"), data
        )
    elif fit.kind == "fee":
        text = f"{what} {'less' if line.amount > 0 else 'plus'} a fee of {off}" + (", seen before" if fit.known_fee else "")
        yield Evidence("fee", text, weight("fee_known", "fee_new", "sum_more"), data | {"known": fit.known_fee})
    elif fit.kind == "discount":
        text = f"{what} less an early-payment discount of {fit.percent:g} % ({off})" + (", a little late" if fit.late else "")
        yield Evidence("discount", text, weight("discount", "discount_late"), data | {"percent": fit.percent, "late": fit.late})
    elif fit.kind == "exchange":
        text = f"{what} at the rate {fit.rate:.6g}, exchange difference {off} ({fit.percent:+.2f} %)"
        yield Evidence(
            "exchange", text, weight("exchange", "exchange_off"), data | {"rate": fit.rate, "percent": round(fit.percent, 4)}
        )
    elif fit.kind == "partial":
        text = f"partial payment, {off} stay open"
        yield Evidence("partial", text, weight("partial", "sum_partial", "partial_round", "named_partial"), data)
    else:
        yield Evidence("over", f"{off} more than is open", weight("over", "named_partial"), data)
    if with_lines:
        lines = ", ".join(map(str, with_lines))
        yield Evidence(
            "parts_complete",
            f"together with bank line {lines} it is the whole amount",
            weight("parts_complete"),
            {"lines": list(with_lines)},
        )
    if found.alternatives:
        text = (
            f"{found.alternatives} other sums of this partner come to the amount"
            if found.alternatives > 1
            else "another sum of this partner comes to the amount"
        )
        yield Evidence("other_sums", text, 0.0, {"count": found.alternatives})


def _text(found: Found, reading: Reading, weight: Weight) -> Iterator[Evidence]:
    for item, strength, number in zip(found.items, reading.strengths, reading.numbers, strict=True):
        if strength:
            share = weight(f"named_{strength}", "named_some")
            yield Evidence(f"reference_{strength}", HOW[strength].format(number=number), share, {"number": number, "item": item.id})
    if reading.others:
        yield Evidence("names_others", "the text names other open documents", weight("names_others"), {"count": reading.others})
    elif reading.another:
        yield Evidence("names_unknown", "the text names another document of this series", weight("names_unknown"))


def _partner(features: Features, weight: Weight) -> Iterator[Evidence]:
    for how, (code, text) in PARTNER.items():
        if features.get(f"partner_{how}"):
            yield Evidence(code, text, weight(f"partner_{how}"))


def _time(line: BankLine, found: Found, features: Features, weight: Weight) -> Iterator[Evidence]:
    days = min(((line.day - item.due).days for item in found.items), key=abs)
    text = (
        "on the due date"
        if not days
        else f"{abs(days)} day{'s' if abs(days) != 1 else ''} {'after' if days > 0 else 'before'} the due date"
    )
    yield Evidence(
        "days", text, weight("days", "days_named", "days_far", "payment_near", "payment", "payment_part"), {"days": days}
    )
    if features.get("before_document") or features.get("before_named"):
        before = weight("before_document", "before_named")
        yield Evidence("before_document", "the money moved before the document's date", before)
