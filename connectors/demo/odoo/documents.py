"""Invoices, bills and credit notes: what is sold or bought, its tax, and one due line per instalment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from connectors.demo.odoo.books import LINE, Books, Item, cents
from connectors.demo.odoo.chart import TERMS
from connectors.demo.odoo.store import Row

PREFIX = {"out_invoice": "INV", "out_refund": "RINV", "in_invoice": "BILL", "in_refund": "RBILL"}


@dataclass(frozen=True, slots=True)
class Sold:
    """One line of a document: whole cents of its currency for each piece."""

    account: str
    name: str
    price: int
    quantity: int = 1
    product: int | bool = False
    taxed: bool = True

    @property
    def subtotal(self) -> int:
        return self.price * self.quantity

    @property
    def tax(self) -> int:
        """19%, rounded per line."""
        return round(self.subtotal * 19 / 100) if self.taxed else 0


@dataclass(slots=True)
class Document:
    """A document before it is booked. ``kind`` is Odoo's move_type."""

    kind: str
    partner: int
    day: date
    lines: list[Sold]
    term: str = "30 Days"
    ref: str | bool = False
    origin: str | bool = False
    cost_centre: str | bool = False
    reverses: int | bool = False

    @property
    def sale(self) -> bool:
        return self.kind.startswith("out_")

    @property
    def sign(self) -> int:
        """Of the amount owed: 1 on the debit side (an invoice, a credit note from a vendor)."""
        return 1 if self.kind in ("out_invoice", "in_refund") else -1


def book(books: Books, document: Document, state: str = "posted") -> int:
    """Enter a document and return its move."""
    currency = books.chart.currency_of[document.partner]
    items = goods(books, document, currency) + taxes(books, document, currency)
    untaxed, tax = sum(line.subtotal for line in document.lines), sum(line.tax for line in document.lines)
    balance = -sum(item.balance for item in items)
    dues = instalments(document, balance, untaxed + tax, currency)
    values: Row = {"move_type": document.kind, "partner_id": document.partner, "commercial_partner_id": document.partner}
    values |= {"invoice_partner_display_name": books.store.label("res.partner", document.partner), "state": state}
    values |= {
        "invoice_date": document.day.isoformat(),
        "invoice_date_due": max(str(item.values["date_maturity"]) for item in dues),
    }
    values |= {"currency_id": books.chart.currencies[currency], "invoice_payment_term_id": books.chart.terms[document.term]}
    values |= {"ref": document.ref, "invoice_origin": document.origin, "x_cost_centre": document.cost_centre, "invoice_user_id": 2}
    values |= {"reversed_entry_id": document.reverses}
    values["invoice_currency_rate"] = 1.0 if currency == "EUR" else books.rates[f"{document.day:%Y-%m}"]
    net = -sum(item.balance for item in items if item.values["display_type"] == "product")
    values |= totals(document, untaxed, tax, net, balance)
    journal = "INV" if document.sale else "BILL"
    return books.entry(journal, document.day, items + dues, prefix=PREFIX[document.kind], **values)


def totals(document: Document, untaxed: int, tax: int, net: int, balance: int) -> Row:
    """The amounts of the head: in the document's currency, and signed in the company's (owed to us positive)."""
    signed = {"amount_untaxed_signed": net, "amount_tax_signed": balance - net, "amount_total_signed": balance}
    signed |= {"amount_residual_signed": balance, "amount_total_in_currency_signed": document.sign * (untaxed + tax)}
    signed["amount_untaxed_in_currency_signed"] = document.sign * untaxed
    plain = {"amount_untaxed": untaxed, "amount_tax": tax, "amount_total": untaxed + tax, "amount_residual": untaxed + tax}
    return {name: value / 100 for name, value in (plain | signed).items()}


def goods(books: Books, document: Document, currency: str) -> list[Item]:
    """The lines of what was sold or bought."""
    tax = books.chart.taxes["sale" if document.sale else "purchase"]
    items = []
    for line in document.lines:
        amount = -document.sign * line.subtotal
        values: Row = {"name": line.name, "product_id": line.product, "quantity": float(line.quantity), "display_type": "product"}
        values |= {"price_unit": line.price / 100, "price_subtotal": line.subtotal / 100}
        values |= {"price_total": (line.subtotal + line.tax) / 100, "tax_ids": [tax] if line.taxed else []}
        items.append(Item(line.account, books.converted(amount, currency, document.day), amount, currency, values))
    return items


def taxes(books: Books, document: Document, currency: str) -> list[Item]:
    """One line for all tax of a document."""
    tax = sum(line.tax for line in document.lines)
    if not tax:
        return []
    use, account = ("sale", "251000") if document.sale else ("purchase", "131000")
    base = sum(line.subtotal for line in document.lines if line.taxed)
    amount = -document.sign * tax
    values: Row = {"name": f"19% {'sales' if document.sale else 'purchases'}", "display_type": "tax", "quantity": 0.0}
    values |= {"tax_line_id": books.chart.taxes[use], "tax_base_amount": abs(books.converted(base, currency, document.day)) / 100}
    return [Item(account, books.converted(amount, currency, document.day), amount, currency, values)]


def instalments(document: Document, balance: int, total: int, currency: str) -> list[Item]:
    """The due lines; the last takes what rounding leaves."""
    parts = TERMS[document.term]
    account = "121000" if document.sale else "211000"
    items: list[Item] = []
    rest, rest_amount = balance, document.sign * total
    for number, (share, days) in enumerate(parts, 1):
        last = number == len(parts)
        due = rest if last else round(balance * share / 100)
        amount = rest_amount if last else round(document.sign * total * share / 100)
        rest, rest_amount = rest - due, rest_amount - amount
        values: Row = {
            "display_type": "payment_term",
            "date_maturity": (document.day + timedelta(days)).isoformat(),
            "quantity": 0.0,
        }
        values["name"] = f"installment #{number}" if len(parts) > 1 else False
        items.append(Item(account, due, amount, currency, values))
    return items


def post(books: Books, move_id: int) -> None:
    """Confirm a draft: it gets its number, on the head and on every line."""
    move = books.store.get("account.move", move_id)
    name = books.next_name(PREFIX[move["move_type"]], date.fromisoformat(move["date"]))
    books.store.write("account.move", move_id, {"state": "posted", "name": name, "posted_before": True, "checked": True})
    lines = books.store.children(LINE, "move_id", move_id)
    books.store.write(LINE, lines, {"parent_state": "posted", "move_name": name})


def cancel(books: Books, move_id: int) -> None:
    """Withdraw a document that nothing was matched with; it keeps its number."""
    books.store.write("account.move", move_id, {"state": "cancel"})
    books.store.write(LINE, books.store.children(LINE, "move_id", move_id), {"parent_state": "cancel"})


def due_lines(books: Books, move_id: int) -> list[tuple[int, date, int]]:
    """The instalments of a document: line, day it is due, cents of its currency (debit positive)."""
    rows = [books.store.get(LINE, key) for key in books.store.children(LINE, "move_id", move_id)]
    due = [row for row in rows if row["display_type"] == "payment_term"]
    return [(row["id"], date.fromisoformat(row["date_maturity"]), cents(row["amount_currency"])) for row in due]
