"""The models of the fake Odoo and their fields, as ``fields_get`` describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.demo.odoo.tables import MODELS

Field = dict[str, Any]

COMMON = """
id integer
display_name char unstored
create_date datetime
create_uid many2one res.users
write_date datetime
write_uid many2one res.users
"""

SELECTIONS = {
    "account_type": "asset_receivable asset_cash asset_current asset_non_current asset_prepayments asset_fixed liability_payable "
    "liability_credit_card liability_current liability_non_current equity equity_unaffected income income_other expense "
    "expense_depreciation expense_direct_cost off_balance",
    "internal_group": "equity asset liability income expense off",
    "parent_state": "draft posted cancel",
    "move_type": "entry out_invoice out_refund in_invoice in_refund out_receipt in_receipt",
    "payment_state": "not_paid in_payment paid partial reversed blocked invoicing_legacy",
    "display_type": "product cogs tax discount rounding payment_term line_section line_note epd",
    "payment_type": "outbound inbound",
    "partner_type": "customer supplier",
}
STATES = {
    "account.payment": "draft in_process paid canceled rejected",
    "hr.expense": "draft reported submitted approved done refused",
}


@dataclass(frozen=True, slots=True)
class Model:
    """What a model is called, how it is sorted by default, and its fields as ``fields_get`` describes them."""

    label: str
    order: str
    fields: dict[str, Field]


def words(name: str) -> str:
    """A label for a technical name: ``invoice_date_due`` -> ``Invoice Date Due``."""
    return name.removesuffix("_ids").removesuffix("_id").replace("_", " ").strip().title()


def selection(model: str, name: str) -> list[list[str]]:
    """The choices of a selection field, value and label."""
    values = SELECTIONS.get(name, "")
    if name == "state":
        values = STATES.get(model, SELECTIONS["parent_state"])
    return [[value, words(value)] for value in values.split()]


def field(model: str, line: str) -> Field:
    """One line of a table above as ``fields_get`` shows it."""
    name, kind, *rest = line.split()
    flags = [word for word in rest if word in ("unstored", "required", "sortable") or word.startswith("related=")]
    targets = [word for word in rest if word not in flags]
    stored = "unstored" not in flags
    found: Field = {
        "name": name,
        "type": kind,
        "string": words(name),
        "store": stored,
        "required": "required" in flags,
        "readonly": False,
        "searchable": True,
        "sortable": (stored and kind not in ("one2many", "many2many", "binary")) or "sortable" in flags,
        "company_dependent": False,
    }
    if targets:
        found["relation"] = targets[0]
    if len(targets) > 1:
        found["relation_field"] = targets[1]
    if kind == "monetary":
        found["currency_field"] = (
            "currency_id" if name.endswith("_currency") or model != "account.move.line" else "company_currency_id"
        )
    if kind == "selection":
        found["selection"] = selection(model, name)
    for flag in flags:
        if flag.startswith("related="):
            found |= {"related": flag.partition("=")[2], "sortable": kind not in ("one2many", "many2many")}
    return found


def model(name: str) -> Model:
    """A model by its technical name; KeyError for an unknown one."""
    label, order, table = MODELS[name]
    lines = [line for line in (COMMON + table).splitlines() if line]
    return Model(label, order, {line.split()[0]: field(name, line) for line in lines})
