"""Which Odoo models become which bronze tables, and what Odoo and bronze must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SCHEMA = "ipai_bronze_erp"


@dataclass(frozen=True, slots=True)
class Model:
    """One Odoo model. The stream is named as its table."""

    name: str
    table: str
    by: tuple[str, ...] = ()
    """Control totals are compared for each value of these fields."""
    sums: tuple[str, ...] = ()
    """Fields whose sums must agree, beside the number of records."""
    unstored: tuple[str, ...] = ()
    """Computed fields that reports need although Odoo does not store them with the record."""
    parent: str | None = None
    """The many2one whose record holds some of the fields: a change there moves that record's stamp only."""
    parent_model: str = ""
    expected: str = ""
    """What people call its records, where seeing none most likely means that the user lacks a right."""
    optional: bool = False
    """The app that brings the model may not be installed."""

    @property
    def target(self) -> str:
        """``schema.table``."""
        return f"{SCHEMA}.{self.table}"


_FROM_MOVE = (
    "date",
    "state",
    "name",
    "ref",
    "journal_id",
    "company_id",
    "partner_id",
    "currency_id",
    "move_type",
    "payment_reference",
)

MODELS: tuple[Model, ...] = (
    Model(
        "res.company",
        "companies",
        unstored=("street", "street2", "zip", "city", "country_id", "vat"),
        parent="partner_id",
        parent_model="res.partner",
    ),
    Model("res.currency", "currencies"),
    Model("res.currency.rate", "currency_rates", by=("currency_id", "company_id"), sums=("rate",)),
    Model("account.account", "accounts", unstored=("code", "internal_group"), expected="accounts"),
    Model("account.journal", "journals", expected="journals"),
    Model("account.payment.term", "payment_terms"),
    Model("res.partner", "partners"),
    Model("product.product", "products", unstored=("name", "type", "list_price", "lst_price", "categ_id", "uom_id")),
    Model("project.project", "projects", optional=True),
    Model(
        "account.move",
        "invoices",
        by=("company_id", "move_type", "state", "date:month"),
        sums=("amount_untaxed_signed", "amount_total_signed", "amount_residual_signed"),
        expected="invoices or entries",
    ),
    Model(
        "account.move.line",
        "journal_entries",
        by=("account_id", "date:month", "parent_state", "company_id"),
        sums=("debit", "credit", "balance", "amount_residual", "amount_currency"),
        expected="journal items",
    ),
    Model(
        "account.payment",
        "payments",
        by=("company_id",),
        sums=("amount",),
        unstored=_FROM_MOVE,
        parent="move_id",
        parent_model="account.move",
    ),
    Model(
        "account.partial.reconcile",
        "partial_reconciles",
        by=("company_id", "max_date:month"),
        sums=("amount", "debit_amount_currency", "credit_amount_currency"),
    ),
    Model(
        "account.bank.statement.line",
        "bank_statement_lines",
        by=("company_id",),
        sums=("amount",),
        unstored=_FROM_MOVE,
        parent="move_id",
        parent_model="account.move",
    ),
)


def models(config: Mapping[str, object]) -> list[Model]:
    """The models that this config asks for: the standard ones, or those named in ``models``, and ``extra_models``."""
    wanted = config.get("models")
    chosen = [model for model in MODELS if not isinstance(wanted, list) or not wanted or model.name in wanted]
    extra = config.get("extra_models")
    return chosen + [Model(str(name), str(table)) for name, table in (extra.items() if isinstance(extra, dict) else ())]
