"""The made-up organisation's Spec Kit files: both layouts, complete and not."""

from __future__ import annotations


def document(title: str, *sections: str) -> str:
    """Markdown with a heading and enough lines to say something."""
    return f"# {title}\n\n" + "\n\n".join(sections) + "\n"


PRINCIPLES = "\n".join(
    f"{number}. {text}"
    for number, text in enumerate(
        (
            "Every change is tested before it is merged.",
            "Prices are decided in one place.",
            "Customer data stays in its region.",
            "A failed deployment is rolled back first and understood later.",
            "Nobody deploys on Friday after three.",
            "Secrets live in the vault.",
            "Pages work without scripts.",
            "What is not measured is not promised.",
            "Old interfaces live for a year.",
        ),
        1,
    )
)
NEEDS = "\n".join(
    f"- R{number} {text}"
    for number, text in enumerate(
        (
            "A basket survives a closed browser for a week.",
            "A voucher is checked before payment.",
            "The total is shown with tax at every step.",
            "An order is confirmed within five seconds.",
            "A failed payment may be tried again.",
            "An order has one page that shows where it is.",
            "Addresses are checked while they are typed.",
            "Staff can cancel an order until it is packed.",
        ),
        1,
    )
)
STEPS = "\n".join(
    f"{number}. {text}"
    for number, text in enumerate(
        (
            "Move the totals into src/totals.py.",
            "Keep the basket on the server.",
            "Ask the payment provider for a token.",
            "Confirm orders from a queue.",
            "Watch the queue's age.",
            "Write the runbook.",
            "Switch the shop over, one country at a time.",
            "Take the old basket away.",
        ),
        1,
    )
)
TASKS = "\n".join(
    (
        "- [x] T001 Totals in src/totals.py",
        "- [x] T002 Tests in tests/test_totals.py",
        "- [x] T003 Basket on the server in src/basket.py",
        "- [ ] T004 Payment token",
        "- [ ] T005 Queue of confirmations",
        "- [ ] T006 Alert on the queue's age",
        "- [ ] T007 Runbook in docs/runbook.md",
        "- [ ] T008 Switch one country",
        "- [ ] T009 Take the old basket away",
    )
)
STORIES = "\n".join(
    (
        "- US1 As a customer I get a correct invoice with each parcel.",
        "- US2 As an accountant I export a month of invoices.",
        "",
        "## Requirements",
        "",
        "- FR-001 Every invoice has a number without gaps.",
        "- FR-002 An export can be resumed.",
        "",
        "## Success",
        "",
        "- SC-001 A month is exported within a minute.",
    )
)
INVOICE_TASKS = "\n".join(
    (
        "- [x] T001 Numbers without gaps (FR-001) in src/invoices.py",
        "- [ ] T002 Export that resumes (FR-002) in src/export.py",
        "- [ ] T003 Measure the export (SC-001)",
    )
)
OTHER_FILES = {
    "README.md": "# Demo\n\nMade-up code of a made-up company.\n",
    "src/totals.py": "def total(items):\n    return sum(items)\n",
    "src/basket.py": "BASKETS = {}\n",
    "src/invoices.py": "NUMBER = 1\n",
    "tests/test_totals.py": "def test_total():\n    assert True\n",
}
FILES = {
    "lamp-shop": {
        "spec/checkout/constitution.md": document("Constitution", "## Principles", PRINCIPLES),
        "spec/checkout/prd.md": document("Checkout", "## Problem", "Baskets are lost.", "## Requirements", NEEDS),
        "spec/checkout/plan.md": document("Plan", "## Steps", STEPS),
        "spec/checkout/tasks.md": document("Tasks", "## Phase 1", TASKS),
        "spec/loyalty/constitution.md": document("Constitution", "## Principles", PRINCIPLES),
        "spec/loyalty/prd.md": "# Loyalty\n\nTODO\n",
        "spec/loyalty/plan.md": "",
    },
    "lamp-billing": {
        ".specify/memory/constitution.md": document("Constitution", "## Principles", PRINCIPLES),
        "specs/001-invoices/spec.md": document("Invoices", "## User stories", STORIES),
        "specs/001-invoices/plan.md": document("Plan", "## Steps", STEPS),
        "specs/001-invoices/tasks.md": document("Tasks", "## Phase 1", INVOICE_TASKS),
        "specs/002-refunds/spec.md": document(
            "Feature Specification: [FEATURE NAME]", "- FR-001 [NEEDS CLARIFICATION: who decides?]"
        ),
        "specs/002-refunds/plan.md": document("Plan", "## Steps", STEPS),
    },
}
