"""What the figures are: which accounts each sums up, and how it is said to people (tooltips, docs/finance.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ASSETS: Final = ("asset_receivable", "asset_cash", "asset_current", "asset_non_current", "asset_prepayments", "asset_fixed")
LIABILITIES: Final = ("liability_payable", "liability_credit_card", "liability_current", "liability_non_current")
EQUITY: Final = ("equity", "equity_unaffected")
RESULT: Final[Mapping[str, str]] = {
    "income": "income",
    "expense_direct_cost": "direct_cost",
    "expense": "expense",
    "expense_depreciation": "depreciation",
    "income_other": "other_income",
    "expense_other": "other_expense",
}
"""Account type -> its line of the profit and loss statement."""
CREDIT: Final = frozenset({*LIABILITIES, *EQUITY, "income", "income_other"})
"""Types whose usual balance is a credit: shown with the sign turned."""
KINDS: Final[Mapping[str, str]] = {"receivable": "asset_receivable", "payable": "liability_payable"}
"""What is aged -> the type of its control accounts."""
BUCKETS: Final = ("not_due", "1_30", "31_60", "61_90", "90_plus")
LATE: Final[Mapping[str, str]] = {
    "not_due": "Not due",
    "1_30": "1–30 days",
    "31_60": "31–60 days",
    "61_90": "61–90 days",
    "90_plus": "Over 90 days",
}
"""Bucket -> its name for people."""
SECTIONS: Final = ("operating", "investing", "financing")

DEFINITIONS: Final[Mapping[str, str]] = {
    "income": "Credits less debits on accounts of type Income.",
    "direct_cost": "Debits less credits on accounts of type Cost of Revenue.",
    "gross_profit": "Income less cost of revenue.",
    "gross_margin": "Gross profit as a share of income.",
    "expense": "Debits less credits on accounts of type Expenses.",
    "depreciation": "Debits less credits on accounts of type Depreciation.",
    "operating_income": "Gross profit less expenses and depreciation.",
    "other_income": "Credits less debits on accounts of type Other Income.",
    "other_expense": "Debits less credits on accounts of type Other Expenses.",
    "net_profit": "Operating income plus other income less other expenses.",
    "assets": "Debits less credits, up to and with the day, on all asset accounts.",
    "liabilities": "Credits less debits, up to and with the day, on all liability accounts.",
    "equity": "Credits less debits on equity accounts, plus the earnings of this and of earlier fiscal years.",
    "current_year_earnings": "Net profit from the first day of the company's fiscal year to the day.",
    "prior_years_earnings": "Net profit of all earlier fiscal years. Odoo makes no closing entry, so no account holds it.",
    "both": "Liabilities plus equity: what assets must equal.",
    "opening": "Balance of accounts of type Bank and Cash before the first day.",
    "closing": "Balance of accounts of type Bank and Cash at the end of the last day.",
    "net": "Operating, investing and financing together: it must equal the change of accounts of type Bank and Cash.",
    "cash": "Balance of accounts of type Bank and Cash.",
    "operating": "Cash against accounts that are neither investing nor financing.",
    "investing": "Cash against fixed and non-current assets, or accounts tagged Investing.",
    "financing": "Cash against equity and non-current liabilities, or accounts tagged Financing.",
    "receivable": "What was open at the end of the day on receivable accounts; credit notes and payments on account are negative.",
    "payable": "What was open at the end of the day on payable accounts; refunds and payments on account are negative.",
    "overdue": "Open items whose due date has passed.",
}
"""Figure -> how it is computed, in one line. Only posted journal items count."""

GATES: Final[Mapping[str, str]] = {
    "ledger": "What is loaded equals Odoo's own totals",
    "up_to_date": "Every run is in the figures",
    "trial_balance": "Debits equal credits",
    "balance_sheet": "Assets equal liabilities and equity",
    "receivable": "Open receivables equal their control accounts",
    "payable": "Open payables equal their control accounts",
    "cashflow": "The cash flow equals the change of cash",
}
"""Gate -> what holds when it holds."""

TYPES: Final[Mapping[str, str]] = {
    "income": "Income",
    "expense_direct_cost": "Cost of revenue",
    "expense": "Expenses",
    "expense_depreciation": "Depreciation",
    "income_other": "Other income",
    "expense_other": "Other expenses",
    "asset_cash": "Bank and cash",
    "asset_receivable": "Receivables",
    "asset_current": "Current assets",
    "asset_prepayments": "Prepayments",
    "asset_fixed": "Fixed assets",
    "asset_non_current": "Non-current assets",
    "liability_payable": "Payables",
    "liability_credit_card": "Credit cards",
    "liability_current": "Current liabilities",
    "liability_non_current": "Non-current liabilities",
    "equity": "Equity accounts",
    "equity_unaffected": "Unallocated earnings account",
    "off_balance": "Off balance",
}
"""Account type -> its name for people, in the order of the statements."""


def definition(figure: str) -> str:
    """How the line of a statement is computed; "" for what says it itself."""
    if figure in RESULT:
        return DEFINITIONS[RESULT[figure]]
    if figure in TYPES:
        way = "Credits less debits" if figure in CREDIT else "Debits less credits"
        return f"{way}, up to and with the day, on accounts of type {TYPES[figure]}."
    return DEFINITIONS.get(figure.removeprefix("total_"), "")
