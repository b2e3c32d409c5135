"""Suggestions for bank lines, what people decided about them, and what a ledger's past teaches."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now

from ipai.access.models import Tenant


class Outcome(models.TextChoices):
    MATCH = "match", "Match"
    LIKELY = "likely", "Likely"
    AMBIGUOUS = "ambiguous", "Ambiguous"
    NONE = "none", "None"


class State(models.TextChoices):
    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    SETTLED = "settled", "Settled"  # reconciled or deleted in the ERP


class Posting(models.TextChoices):
    NONE = "none", "Not posted"
    POSTED = "posted", "Posted"
    FAILED = "failed", "Failed"


class Suggestion(models.Model):
    """A bank line with its candidates, best first, as :func:`finance.reconciliation.stored.candidate` writes them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    connector_id = models.UUIDField()
    company_id = models.BigIntegerField()
    bank_line_id = models.BigIntegerField()
    date = models.DateField()
    amount = models.DecimalField(max_digits=24, decimal_places=6)
    currency = models.CharField(max_length=10)
    decimals = models.PositiveSmallIntegerField(default=2)
    reference = models.TextField(default="", blank=True)
    partner_name = models.TextField(default="", blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    confidence = models.FloatField(default=0.0)
    reason = models.TextField(default="", blank=True)
    candidates = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    opinion = models.JSONField(default=dict)
    line_hash = models.CharField(max_length=64, editable=False)
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ipai_reconciliation_suggestion"
        ordering: ClassVar = ["-date", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["connector_id", "bank_line_id"], name="suggestion_of_line")]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "state", "-date", "id"], name="suggestion_inbox"),
            models.Index(fields=["connector_id", "state"], name="suggestion_connector"),
        ]

    def __str__(self) -> str:
        return f"bank line {self.bank_line_id}"


class Decision(models.Model):
    """What somebody decided about a suggestion. ``candidate`` is as it stood then; empty: the whole line was rejected."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    suggestion = models.ForeignKey(Suggestion, models.CASCADE, related_name="decisions")
    accepted = models.BooleanField()
    candidate_key = models.CharField(max_length=200, default="", blank=True)
    candidate = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=200, default="", blank=True)
    posting = models.CharField(max_length=10, choices=Posting.choices, default=Posting.NONE)
    posting_message = models.TextField(default="", blank=True)

    class Meta:
        db_table = "ipai_reconciliation_decision"
        ordering: ClassVar = ["-created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["suggestion"], condition=models.Q(accepted=True, undone_at__isnull=True), name="one_acceptance"
            ),
            models.UniqueConstraint(
                fields=["suggestion", "candidate_key"],
                condition=models.Q(accepted=False, undone_at__isnull=True),
                name="one_rejection_each",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {'accepted' if self.accepted else 'rejected'} {self.candidate_key or 'all'}"


class Allocation(models.Model):
    """How much of an open item an accepted candidate takes, in the item's currency and with its sign."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    decision = models.ForeignKey(Decision, models.CASCADE, related_name="allocations")
    connector_id = models.UUIDField()
    item_id = models.BigIntegerField()
    amount = models.DecimalField(max_digits=24, decimal_places=6)

    class Meta:
        db_table = "ipai_reconciliation_allocation"
        indexes: ClassVar = [models.Index(fields=["connector_id", "item_id"], name="allocation_item")]

    def __str__(self) -> str:
        return f"{self.amount} of item {self.item_id}"


class Learned(models.Model):
    """What the reconciled past of a connector teaches, until when it was read, and a checksum of each open item as it was."""

    connector_id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    knowledge = models.JSONField(default=dict)
    knots = models.JSONField(default=list)
    items = models.JSONField(default=dict)
    lines = models.BigIntegerField(default=0)
    calibrated_on = models.BigIntegerField(default=0)
    read_until = models.DateTimeField(null=True)
    computed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ipai_reconciliation_learned"

    def __str__(self) -> str:
        return f"connector {self.connector_id}"


class ModelCall(models.Model):
    """A question to the language model: what it cost and what became of the answer; neither question nor answer is kept."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    suggestion = models.ForeignKey(Suggestion, models.SET_NULL, null=True, related_name="+")
    asked_by = models.CharField(max_length=200)
    model = models.CharField(max_length=200)
    result = models.CharField(max_length=20)
    detail = models.TextField(default="", blank=True)
    input_tokens = models.BigIntegerField(default=0)
    cached_input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    latency_ms = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "ipai_reconciliation_model_call"
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.model} {self.result}"
