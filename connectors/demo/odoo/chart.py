"""What the demo company starts with: accounts, journals, partners, terms, products, projects. Every name is made up."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from connectors.demo.odoo.store import Row, Store

COMPANY = "Demo Trading (demo data)"
ACCOUNTS = """
101401 asset_cash Bank
101402 asset_current Bank Suspense Account
101403 asset_current Outstanding Receipts
101404 asset_current Outstanding Payments
101501 asset_cash Cash
121000 asset_receivable Account Receivable
131000 asset_current Tax Paid
141000 asset_prepayments Prepaid Expenses
151000 asset_fixed Equipment
151900 asset_fixed Accumulated Depreciation
161000 asset_non_current Rental Deposit
211000 liability_payable Account Payable
221000 liability_credit_card Company Card
230000 liability_current Salaries Payable
251000 liability_current Tax Received
271000 liability_non_current Bank Loan
301000 equity Share Capital
400000 income Product Sales
401000 income Service Sales
441000 income_other Foreign Exchange Gain
450000 income_other Other Income
500000 expense_direct_cost Cost of Goods Sold
600000 expense Office Expenses
611000 expense Rent
620000 expense Bank Fees
630000 expense Salary Expenses
641000 expense Foreign Exchange Loss
650000 expense Insurance
660000 expense Interest
680000 expense_depreciation Depreciation
900000 off_balance Guarantees Given
999999 equity_unaffected Undistributed Profits/Losses
"""
RECONCILED = ("101403", "101404", "121000", "211000", "230000")
GROUPS = {"asset": "asset", "liability": "liability", "equity": "equity", "income": "income", "expense": "expense", "off": "off"}
JOURNALS = """
INV sale 400000 Customer Invoices
BILL purchase 600000 Vendor Bills
MISC general - Miscellaneous Operations
EXCH general - Exchange Difference
BNK1 bank 101401 Bank
CSH1 cash 101501 Cash
"""
CUSTOMERS = """
DE EUR Harbour Lane Cafe (demo)
DE EUR Northwind Bakery (demo)
FR EUR Atelier Sept (demo)
NL EUR Blue Canal Bikes (demo)
AT EUR Alpine Gear House (demo)
US USD Prairie Robotics (demo)
US USD Sunset Surf Supply (demo)
DE EUR Old Mill Books (demo)
"""
VENDORS = """
DE EUR Paper and Ink Supply (demo)
DE EUR Fastbox Logistics (demo)
PL EUR Granite Parts (demo)
DE EUR Volt Energy (demo)
NL EUR Cloudshelf Hosting (demo)
DE EUR Safe Harbour Insurance (demo)
"""
PRODUCTS = """
4900 400000 Desk Lamp
12900 400000 Standing Desk
34900 400000 Meeting Table
8500 401000 Consulting Hour
50000 401000 Monthly Retainer
7900 400000 Office Chair
"""
COUNTRIES = {"DE": "Germany", "FR": "France", "NL": "Netherlands", "AT": "Austria", "US": "United States", "PL": "Poland"}
TERMS = {"Immediate Payment": ((100, 0),), "30 Days": ((100, 30),), "50% in 15 days, 50% in 45 days": ((50, 15), (50, 45))}
PROJECTS = ("Showroom Refit (demo)", "Web Shop (demo)", "Spring Catalogue (demo)", "Warehouse Move (demo)")
EXPENSES = (
    ("Train to the fair", 8900),
    ("Client lunch", 4650),
    ("Taxi", 2310),
    ("Hotel, two nights", 21400),
    ("Office plants", 3990),
)
LOGO = base64.b64encode(
    b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><circle cx='32' cy='32' r='30'/></svg>"
).decode()


@dataclass(slots=True)
class Chart:
    """The ids of what was made, by code or name."""

    company: int = 0
    currencies: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    journals: dict[str, int] = field(default_factory=dict)
    taxes: dict[str, int] = field(default_factory=dict)
    terms: dict[str, int] = field(default_factory=dict)
    products: list[int] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)
    vendors: list[int] = field(default_factory=list)
    currency_of: dict[int, str] = field(default_factory=dict)


def lines(table: str, columns: int) -> list[list[str]]:
    """The rows of a table above; the last column may hold spaces."""
    return [line.split(" ", columns - 1) for line in table.strip().splitlines()]


def make(store: Store) -> Chart:
    """Create all of it, stamped by the store's clock."""
    chart = Chart()
    users(store)
    money(store, chart)
    accounts(store, chart)
    countries = {code: store.create("res.country", {"code": code, "name": name}) for code, name in COUNTRIES.items()}
    chart.customers = [partner(store, chart, countries, row, customer_rank=1) for row in lines(CUSTOMERS, 3)]
    chart.vendors = [partner(store, chart, countries, row, supplier_rank=1) for row in lines(VENDORS, 3)]
    contacts(store, chart.customers[0])
    terms(store, chart)
    rest(store, chart)
    return chart


def users(store: Store) -> None:
    """The system's user 1 and the demo user 2, who writes everything."""
    for login, name in (("__system__", "System"), ("demo", "Demo Bookkeeper")):
        person = store.create("res.partner", {"name": name, "complete_name": name, "type": "contact"})
        store.create("res.users", {"login": login, "name": name, "partner_id": person})
    store.write("res.partner", 1, {"active": False})
    store.write("res.users", 1, {"active": False})


def money(store: Store, chart: Chart) -> None:
    """EUR and USD in use, GBP archived; the company, which keeps its books in EUR."""
    for name, full, symbol in (("EUR", "Euro", "€"), ("USD", "United States dollar", "$"), ("GBP", "Pound sterling", "£")):
        values = {"name": name, "full_name": full, "symbol": symbol, "rounding": 0.01, "decimal_places": 2, "rate": 1.0}
        chart.currencies[name] = store.create("res.currency", values | {"active": name != "GBP", "position": "after"})
    own = store.create("res.partner", {"name": COMPANY, "complete_name": COMPANY, "is_company": True, "type": "contact"})
    values = {"name": COMPANY, "partner_id": own, "currency_id": chart.currencies["EUR"], "logo": LOGO}
    chart.company = store.create("res.company", values | {"fiscalyear_last_day": 31, "fiscalyear_last_month": "12"})


def accounts(store: Store, chart: Chart) -> None:
    for code, kind, name in lines(ACCOUNTS, 3):
        values: Row = {"code": code, "name": name, "account_type": kind, "internal_group": GROUPS[kind.partition("_")[0]]}
        values |= {"reconcile": code in RECONCILED, "company_ids": [chart.company]}
        values["include_initial_balance"] = values["internal_group"] in ("asset", "liability", "equity")
        chart.accounts[code] = store.create("account.account", values)
    for number, (code, kind, account, name) in enumerate(lines(JOURNALS, 4), 1):
        suspense = chart.accounts["101402"] if kind in ("bank", "cash") else False
        values = {"code": code, "type": kind, "name": name, "sequence": number, "company_id": chart.company}
        values |= {"default_account_id": chart.accounts.get(account, False), "suspense_account_id": suspense}
        chart.journals[code] = store.create("account.journal", values)
    for use, name in (("sale", "19% sales"), ("purchase", "19% purchases")):
        values = {"name": name, "amount": 19.0, "amount_type": "percent", "type_tax_use": use, "company_id": chart.company}
        chart.taxes[use] = store.create("account.tax", values)


def partner(store: Store, chart: Chart, countries: dict[str, int], row: list[str], **ranks: int) -> int:
    country, currency, name = row
    slug = name.removesuffix(" (demo)").lower().replace(" ", "-")
    values: Row = {"name": name, "complete_name": name, "is_company": True, "country_id": countries[country], "type": "contact"}
    values |= {"email": f"accounts@{slug}.example.com", "lang": "en_US", "street": "1 Sample Street"} | ranks
    key = store.create("res.partner", values)
    store.write("res.partner", key, {"commercial_partner_id": key})
    chart.currency_of[key] = currency
    return key


def contacts(store: Store, parent: int) -> None:
    """Two people at one customer."""
    company = store.get("res.partner", parent)
    for name, kind in (("Robin Sample", "contact"), ("Invoices Desk", "invoice")):
        values = {"name": name, "complete_name": f"{company['name']}, {name}", "parent_id": parent, "commercial_partner_id": parent}
        store.create("res.partner", values | {"type": kind, "country_id": company["country_id"]})


def terms(store: Store, chart: Chart) -> None:
    for number, (name, parts) in enumerate(TERMS.items(), 1):
        chart.terms[name] = store.create("account.payment.term", {"name": name, "sequence": number})
        for share, days in parts:
            values = {"payment_id": chart.terms[name], "value": "percent", "value_amount": float(share), "nb_days": days}
            store.create("account.payment.term.line", values | {"delay_type": "days_after"})


def rest(store: Store, chart: Chart) -> None:
    """Products and projects."""
    for price, _, name in lines(PRODUCTS, 3):
        values = {"name": name, "list_price": int(price) / 100, "lst_price": int(price) / 100, "standard_price": int(price) / 200}
        values |= {"default_code": "".join(word[0] for word in name.split()) + f"-{len(chart.products) + 1:02d}"}
        chart.products.append(store.create("product.product", values | {"type": "service" if "Hour" in name else "consu"}))
    for name, customer in zip(PROJECTS, chart.customers, strict=False):
        values = {"name": name, "partner_id": customer, "user_id": 2, "company_id": chart.company, "date_start": "2025-01-06"}
        store.create("project.project", values | {"task_count": 3 + len(name) % 5})
