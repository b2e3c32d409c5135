"""The fields of Odoo 18 that the fake has: ``name type [relation [inverse field]] [flag ...]``.

Flags: ``unstored``, ``sortable`` (although unstored), ``required``, ``related=path`` (computed along it).
"""

from __future__ import annotations

MOVE = """
name char
ref char
date date required
state selection required
move_type selection required
payment_state selection
payment_reference char
partner_id many2one res.partner
commercial_partner_id many2one res.partner
invoice_partner_display_name char
company_id many2one res.company
company_currency_id many2one res.currency unstored related=company_id.currency_id
currency_id many2one res.currency required
invoice_currency_rate float
journal_id many2one account.journal required
invoice_date date
invoice_date_due date
delivery_date date
invoice_origin char
invoice_payment_term_id many2one account.payment.term
invoice_user_id many2one res.users
narration html
amount_untaxed monetary
amount_tax monetary
amount_total monetary
amount_residual monetary
amount_untaxed_signed monetary
amount_tax_signed monetary
amount_total_signed monetary
amount_residual_signed monetary
amount_untaxed_in_currency_signed monetary
amount_total_in_currency_signed monetary
reversed_entry_id many2one account.move
reversal_move_ids one2many account.move reversed_entry_id
origin_payment_id many2one account.payment
statement_line_id many2one account.bank.statement.line
line_ids one2many account.move.line move_id
auto_post selection
checked boolean
posted_before boolean
x_cost_centre char
"""

LINE = """
move_id many2one account.move required
move_name char
move_type selection unstored related=move_id.move_type
parent_state selection
journal_id many2one account.journal
company_id many2one res.company
company_currency_id many2one res.currency
account_id many2one account.account
account_type selection unstored related=account_id.account_type
account_internal_group selection unstored related=account_id.internal_group
partner_id many2one res.partner
currency_id many2one res.currency required
date date
invoice_date date
date_maturity date
name char
ref char
sequence integer
display_type selection required
quantity float
price_unit float
discount float
price_subtotal monetary
price_total monetary
debit monetary
credit monetary
balance monetary
amount_currency monetary
amount_residual monetary
amount_residual_currency monetary
tax_base_amount monetary
reconciled boolean
matching_number char
full_reconcile_id many2one account.full.reconcile
matched_debit_ids one2many account.partial.reconcile credit_move_id
matched_credit_ids one2many account.partial.reconcile debit_move_id
product_id many2one product.product
tax_ids many2many account.tax
tax_line_id many2one account.tax
payment_id many2one account.payment
statement_line_id many2one account.bank.statement.line
analytic_distribution json
"""

PARTNER = """
name char
complete_name char
active boolean
is_company boolean
parent_id many2one res.partner
child_ids one2many res.partner parent_id
commercial_partner_id many2one res.partner
company_id many2one res.company
type selection
ref char
vat char
lang selection
email char
phone char
street char
zip char
city char
country_id many2one res.country
customer_rank integer
supplier_rank integer
comment html
credit monetary unstored
debit monetary unstored
"""

PAYMENT = """
name char
date date required
state selection
payment_type selection required
partner_type selection required
partner_id many2one res.partner
amount monetary
amount_company_currency_signed monetary
currency_id many2one res.currency
company_id many2one res.company
company_currency_id many2one res.currency unstored related=company_id.currency_id
journal_id many2one account.journal required
move_id many2one account.move
destination_account_id many2one account.account
outstanding_account_id many2one account.account
memo char
payment_reference char
is_reconciled boolean
is_matched boolean
invoice_ids many2many account.move
reconciled_invoice_ids many2many account.move unstored related=invoice_ids
"""

PARTIAL = """
debit_move_id many2one account.move.line required
credit_move_id many2one account.move.line required
amount monetary
debit_amount_currency monetary
credit_amount_currency monetary
debit_currency_id many2one res.currency
credit_currency_id many2one res.currency
company_id many2one res.company
company_currency_id many2one res.currency unstored related=company_id.currency_id
full_reconcile_id many2one account.full.reconcile
exchange_move_id many2one account.move
max_date date
"""

STATEMENT_LINE = """
move_id many2one account.move required
journal_id many2one account.journal
company_id many2one res.company
statement_id many2one account.bank.statement
date date unstored related=move_id.date
name char unstored related=move_id.name
state selection unstored related=move_id.state
sequence integer
internal_index char
transaction_type char
payment_ref char
partner_id many2one res.partner
partner_name char
account_number char
amount monetary
amount_currency monetary
currency_id many2one res.currency
foreign_currency_id many2one res.currency
amount_residual float
is_reconciled boolean
"""

MODELS: dict[str, tuple[str, str, str]] = {  # model: (label, default order, fields)
    "account.move": ("Journal Entry", "date desc, name desc, invoice_date desc, id desc", MOVE),
    "account.move.line": ("Journal Item", "date desc, move_name desc, id", LINE),
    "res.partner": ("Contact", "complete_name, id desc", PARTNER),
    "account.payment": ("Payments", "date desc, name desc", PAYMENT),
    "account.partial.reconcile": ("Partial Reconcile", "id", PARTIAL),
    "account.bank.statement.line": ("Bank Statement Line", "internal_index desc", STATEMENT_LINE),
    "account.account": (
        "Account",
        "id",
        "code char unstored sortable\nname char required\naccount_type selection required\n"
        "internal_group selection unstored sortable\n"
        "reconcile boolean\ndeprecated boolean\nnon_trade boolean\nnote text\ncurrency_id many2one res.currency\n"
        "company_ids many2many res.company\ntax_ids many2many account.tax\ninclude_initial_balance boolean unstored",
    ),
    "account.journal": (
        "Journal",
        "sequence, id",
        "name char required\ncode char required\ntype selection required\nactive boolean\nsequence integer\n"
        "company_id many2one res.company\ncurrency_id many2one res.currency\n"
        "default_account_id many2one account.account\nsuspense_account_id many2one account.account",
    ),
    "account.payment.term": (
        "Payment Terms",
        "sequence, id",
        "name char required\nactive boolean\nsequence integer\ncompany_id many2one res.company\nnote html\n"
        "early_discount boolean\nline_ids one2many account.payment.term.line payment_id",
    ),
    "account.payment.term.line": (
        "Payment Terms Line",
        "id",
        "payment_id many2one account.payment.term\nvalue selection\nvalue_amount float\nnb_days integer\ndelay_type selection",
    ),
    "account.full.reconcile": ("Full Reconcile", "id", "exchange_move_id many2one account.move"),
    "account.tax": (
        "Tax",
        "id",
        "name char\namount float\namount_type selection\ntype_tax_use selection\nactive boolean\ncompany_id many2one res.company",
    ),
    "res.company": (
        "Companies",
        "sequence, name",
        "name char required\nactive boolean\nsequence integer\npartner_id many2one res.partner\n"
        "currency_id many2one res.currency\nparent_id many2one res.company\ncountry_id many2one res.country unstored\n"
        "fiscalyear_last_day integer\nfiscalyear_last_month selection\nfiscalyear_lock_date date\n"
        "email char\nvat char unstored sortable\nlogo binary unstored",
    ),
    "res.currency": (
        "Currency",
        "active desc, name",
        "name char required\nfull_name char\nsymbol char\nrounding float\ndecimal_places integer\nactive boolean\n"
        "position selection\nrate float unstored\nrate_ids one2many res.currency.rate currency_id",
    ),
    "res.currency.rate": (
        "Currency Rate",
        "name desc, id",
        "name date required\nrate float\ncompany_rate float unstored\ninverse_company_rate float unstored\n"
        "currency_id many2one res.currency\ncompany_id many2one res.company",
    ),
    "res.country": ("Country", "name", "name char\ncode char"),
    "res.users": ("User", "login", "login char\nname char\nactive boolean\npartner_id many2one res.partner"),
    "product.product": (
        "Product Variant",
        "id",
        "name char unstored\ndefault_code char\nbarcode char\nactive boolean\ntype selection unstored\n"
        "list_price float unstored\nlst_price float unstored\nstandard_price float unstored",
    ),
    "project.project": (
        "Project",
        "name, id",
        "name char required\nactive boolean\nsequence integer\npartner_id many2one res.partner\nuser_id many2one res.users\n"
        "company_id many2one res.company\ncurrency_id many2one res.currency unstored related=company_id.currency_id\n"
        "date_start date\ndate date\ndescription html\ntask_count integer unstored\nallow_billable boolean",
    ),
    "hr.expense": (
        "Expense",
        "date desc, id desc",
        "name char required\ndate date\nstate selection\nemployee_name char\nproduct_id many2one product.product\n"
        "company_id many2one res.company\ncurrency_id many2one res.currency\ntotal_amount monetary\ndescription text",
    ),
}
