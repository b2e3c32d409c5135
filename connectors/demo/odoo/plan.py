"""What happens in the demo company, month by month: documents, their payments, wages, rent, wear, and the odd mishap."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from connectors.demo.odoo import documents
from connectors.demo.odoo.bank import Line, Match
from connectors.demo.odoo.books import LINE, Item, cents
from connectors.demo.odoo.chart import EXPENSES
from connectors.demo.odoo.documents import Document, Sold
from connectors.demo.odoo.payers import creditors, debtors
from connectors.demo.odoo.store import Row

if TYPE_CHECKING:
    from connectors.demo.odoo.ledger import Ledger

CENTRES = ("CC-100", "CC-200", "CC-300", False)
RETAINER = 4  # the product sold to two customers at one price each month: payments that fit both
SUPPLIES = (
    ("500000", "Lamp parts", 89000, 210000),
    ("500000", "Table tops", 120000, 340000),
    ("600000", "Paper and toner", 4500, 19000),
    ("600000", "Electricity", 18000, 32000),
    ("600000", "Hosting", 9900, 14900),
    ("500000", "Freight", 15000, 60000),
)


def opening(ledger: Ledger) -> None:
    """What the company begins with, and what happens only once."""
    items = [
        Item("101401", 6_000_000),
        Item("101501", 250_000),
        Item("151000", 4_800_000),
        Item("161000", 600_000),
        Item("301000", -11_650_000),
    ]
    ledger.books.entry("MISC", date(2025, 1, 1), items, ref="Opening balance")
    loan = Line(date(2025, 2, 10), 4_000_000, "LOAN PAYOUT DEMO BANK")
    ledger.on(loan.day, lambda: ledger.bank.received(loan, Match("271000")), hour=6)
    for number, (name, amount) in enumerate(EXPENSES):
        day = date(2025, 2, 3) + timedelta(days=41 * number)
        ledger.on(day, partial(expense, ledger, day, name, amount))
    ledger.on(date(2025, 8, 15), lambda: ledger.store.write("res.partner", ledger.books.chart.customers[7], {"active": False}))
    ledger.on(date(2025, 9, 30), lambda: ledger.store.write("project.project", 3, {"active": False}))
    machine = [Sold("151000", "Packing machine", 600_000)]
    bill = Document(
        "in_invoice", ledger.books.chart.vendors[2], date(2025, 6, 12), machine, "50% in 15 days, 50% in 45 days", "GP-2025-88"
    )
    ledger.on(bill.day, partial(bought, ledger, bill))


def expense(ledger: Ledger, day: date, name: str, amount: int) -> None:
    values: Row = {"name": name, "date": day.isoformat(), "state": "done", "employee_name": "Robin Sample (demo)"}
    values |= {"currency_id": ledger.books.chart.currencies["EUR"], "company_id": ledger.books.chart.company}
    ledger.store.create("hr.expense", values | {"total_amount": amount / 100})


def month(ledger: Ledger, first: date) -> None:
    """Plan all that a month brings."""
    sales(ledger, first)
    purchases(ledger, first)
    regular(ledger, first)
    if first.month % 3 == 1 and first > date(2025, 1, 1):
        ledger.on(first + timedelta(days=9), partial(tax_return, ledger, first + timedelta(days=9)))
    if first.month % 2:
        on_account(ledger, first)
    if first.month % 3 == 0:
        draft = purchase(ledger, first, first + timedelta(days=19))
        ledger.on(draft.day, lambda: documents.book(ledger.books, draft, state="draft"))
    if first.month == 3:
        withdrawn = sale(ledger, first + timedelta(days=9), ledger.books.chart.customers[1])
        ledger.on(withdrawn.day, partial(sold_and_cancelled, ledger, withdrawn))


def sales(ledger: Ledger, first: date) -> None:
    """About twelve invoices, two of them retainers at one price; one more begins as a draft; one is credited in part."""
    rng, customers = ledger.random, ledger.books.chart.customers
    home = customers[:5] + (customers[7:] if first < date(2025, 8, 1) else [])
    for customer in customers[:2]:
        line = Sold("401000", "Monthly Retainer", 50_000, product=ledger.books.chart.products[RETAINER])
        retainer = Document("out_invoice", customer, first + timedelta(days=1), [line], cost_centre="CC-100")
        ledger.on(retainer.day, partial(sold, ledger, retainer, vague=True))
    for number in range(rng.randint(9, 11)):
        customer = customers[5 + number % 2] if number < 2 else rng.choice(home)
        document = sale(ledger, first + timedelta(days=rng.randrange(28)), customer)
        ledger.on(document.day, partial(sold, ledger, document, credited=number == 4))
    late = sale(ledger, first + timedelta(days=rng.randrange(20)), rng.choice(home))
    ledger.on(late.day, partial(drafted, ledger, late))


def sale(ledger: Ledger, day: date, customer: int) -> Document:
    """An invoice over one to three products; sales abroad carry no tax."""
    rng, made = ledger.random, ledger.books.chart
    home = made.currency_of[customer] == "EUR"
    lines = []
    for product in rng.sample([key for key in made.products if key != made.products[RETAINER]], rng.randint(1, 3)):
        row = ledger.store.get("product.product", product)
        account = "401000" if row["type"] == "service" else "400000"
        price = round(row["list_price"] * 100 * rng.uniform(0.9, 1.1))
        lines.append(Sold(account, f"[{row['default_code']}] {row['name']}", price, rng.randint(2, 12), product, home))
    term = rng.choice(("30 Days", "30 Days", "Immediate Payment", "50% in 15 days, 50% in 45 days"))
    origin = f"S{rng.randrange(10_000):05d}" if rng.random() < 0.6 else False
    return Document("out_invoice", customer, day, lines, term, origin=origin, cost_centre=rng.choice(CENTRES))


def sold(ledger: Ledger, document: Document, *, vague: bool = False, credited: bool = False) -> None:
    """Send an invoice; its customer pays, or gets a credit note over its first line instead of paying all."""
    move = documents.book(ledger.books, document)
    if not credited:
        debtors(ledger, move, vague=vague)
        return
    day = document.day + timedelta(days=6)
    name = ledger.store.get("account.move", move)["name"]
    note = Document(
        "out_refund", document.partner, day, document.lines[:1], "Immediate Payment", f"Reversal of: {name}", reverses=move
    )
    ledger.on(day, partial(credit, ledger, note))


def credit(ledger: Ledger, note: Document) -> None:
    """Enter a credit note, match it with its invoice; what is then left is paid as usual."""
    refund = documents.book(ledger.books, note)
    (line, _, _) = documents.due_lines(ledger.books, refund)[0]
    for due, _, _ in documents.due_lines(ledger.books, int(note.reverses)):
        ledger.books.reconcile(due, line)
    debtors(ledger, int(note.reverses))


def drafted(ledger: Ledger, document: Document) -> None:
    """An invoice that is only confirmed six days later."""
    move = documents.book(ledger.books, document, state="draft")

    def confirm() -> None:
        documents.post(ledger.books, move)
        debtors(ledger, move)

    ledger.on(document.day + timedelta(days=6), confirm)


def sold_and_cancelled(ledger: Ledger, document: Document) -> None:
    move = documents.book(ledger.books, document)
    ledger.on(document.day + timedelta(days=3), partial(documents.cancel, ledger.books, move))


def purchase(ledger: Ledger, first: date, day: date) -> Document:
    """A vendor's bill for one kind of supplies."""
    rng = ledger.random
    number = rng.randrange(len(SUPPLIES))
    account, name, low, high = SUPPLIES[number]
    vendor = ledger.books.chart.vendors[number % 5]
    ref = f"R-{first:%y%m}-{rng.randrange(1000):03d}"
    return Document("in_invoice", vendor, day, [Sold(account, name, rng.randrange(low, high))], "30 Days", ref)


def purchases(ledger: Ledger, first: date) -> None:
    """Eight bills, a yearly insurance, and every other month a vendor's credit note that stays on account."""
    for _ in range(8):
        bill = purchase(ledger, first, first + timedelta(days=ledger.random.randrange(28)))
        ledger.on(bill.day, partial(bought, ledger, bill))
    if first.month == 1:
        insurance = [Sold("141000", "Insurance, twelve months", 120_000, taxed=False)]
        bill = Document("in_invoice", ledger.books.chart.vendors[5], first + timedelta(days=5), insurance, ref=f"POL-{first.year}")
        ledger.on(bill.day, partial(bought, ledger, bill))
    if first.month % 2 == 0:
        returned = [Sold("500000", "Returned parts", ledger.random.randrange(4000, 15000))]
        note = Document("in_refund", ledger.books.chart.vendors[0], first + timedelta(days=16), returned, ref=f"CN-{first:%y%m}")
        ledger.on(note.day, lambda: documents.book(ledger.books, note))


def bought(ledger: Ledger, bill: Document) -> None:
    creditors(ledger, documents.book(ledger.books, bill))


def on_account(ledger: Ledger, first: date) -> None:
    """A customer pays before any invoice: the money stays open on the receivable account."""
    customer = ledger.books.chart.customers[2 + first.month % 3]
    day, amount = first + timedelta(days=12), ledger.random.randrange(200, 900) * 100

    def paid() -> None:
        payment = ledger.bank.pay(day, customer, amount, "Deposit")
        arrive = ledger.bank.clearing(payment, "Deposit for our next order", False)
        ledger.on(day + timedelta(days=1), lambda: arrive(day + timedelta(days=1)), hour=6)

    ledger.on(day, paid)


def regular(ledger: Ledger, first: date) -> None:
    """Rent, loan, cash, wages, wear and insurance of a month."""
    books, bank = ledger.books, ledger.bank
    rent = Line(first + timedelta(days=2), -220_000, f"RENT {first:%m/%Y}", "Sample Property Management")
    ledger.on(rent.day, lambda: bank.received(rent, Match("611000")), hour=6)
    if first >= date(2025, 3, 1):
        rate = Line(first + timedelta(days=14), -92_000, "LOAN INSTALMENT DEMO BANK")
        ledger.on(rate.day, lambda: bank.received(rate, Match("271000", fee=12_000, fee_account="660000")), hour=6)
    till = Line(
        first + timedelta(days=20), 9_500 if first.month % 2 else -7_200, "Cash sale" if first.month % 2 else "Stamps and coffee"
    )
    ledger.on(till.day, lambda: bank.at_once(till, Match("450000" if till.amount > 0 else "600000"), "CSH1"))
    wages = first + timedelta(days=27)

    def closing() -> None:
        entry = books.entry("MISC", wages, [Item("630000", 980_000), Item("230000", -980_000)], ref=f"Salaries {first:%m/%Y}")
        owed = books.lines(entry, "230000")[0]["id"]
        paid = Line(wages + timedelta(days=1), -980_000, f"SALARIES {first:%m/%Y}")
        ledger.on(paid.day, lambda: bank.received(paid, Match("230000", settles=owed)), hour=6)
        books.entry("MISC", wages, [Item("680000", 80_000), Item("151900", -80_000)], ref=f"Depreciation {first:%m/%Y}")
        books.entry("MISC", wages, [Item("650000", 10_000), Item("141000", -10_000)], ref=f"Insurance {first:%m/%Y}")

    ledger.on(wages, closing)


def tax_return(ledger: Ledger, day: date) -> None:
    """The tax of a quarter: what was paid is set off against what was received, the rest goes to the tax office."""
    balances = dict.fromkeys(("131000", "251000"), 0)
    accounts = {ledger.books.chart.accounts[code]: code for code in balances}
    for row in ledger.store.all(LINE):
        if row["account_id"] in accounts and row["parent_state"] == "posted" and row["date"] < f"{day:%Y-%m}":
            balances[accounts[row["account_id"]]] += cents(row["balance"])
    paid = balances["131000"]
    ledger.books.entry("MISC", day, [Item("251000", paid), Item("131000", -paid)], ref=f"Tax return {day:%m/%Y}")
    due = Line(day + timedelta(days=1), balances["251000"] + paid, f"TAX RETURN {day:%m/%Y}", "Sample Tax Office")
    ledger.on(due.day, lambda: ledger.bank.received(due, Match("251000")), hour=6)
