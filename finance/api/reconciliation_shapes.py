"""The inbox as JSON."""

from __future__ import annotations

from typing import Any, get_args

from rest_framework import serializers

from finance.reconciliation.models import Decision, ModelCall, Outcome, State, Suggestion
from finance.reconciliation.records import FitKind, Kind

ITEM_KINDS = list(get_args(Kind))
FIT_KINDS = list(get_args(FitKind))


class ItemOut(serializers.Serializer[Any]):
    """An open item. ``residual`` is what is open of it, positive when it is owed to us."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ITEM_KINDS)
    number = serializers.CharField()
    references = serializers.ListField(child=serializers.CharField())
    partner_id = serializers.IntegerField(allow_null=True)
    partner = serializers.CharField()
    date = serializers.DateField()
    due = serializers.DateField()
    residual = serializers.CharField()
    currency = serializers.CharField()


class FitOut(serializers.Serializer[Any]):
    """How the amounts agree; ``difference`` is the bank's amount less the items'."""

    kind = serializers.ChoiceField(choices=FIT_KINDS)
    difference = serializers.CharField()
    currency = serializers.CharField()


class EvidenceOut(serializers.Serializer[Any]):
    """A reason: ``weight`` above 0 speaks for the candidate, in log-odds."""

    code = serializers.CharField()
    words = serializers.CharField()
    weight = serializers.FloatField()
    data = serializers.DictField()  # type: ignore[assignment]


class AllocationOut(serializers.Serializer[Any]):
    """What the bank line takes of an item."""

    item_id = serializers.IntegerField()
    amount = serializers.CharField()
    currency = serializers.CharField()


class CandidateOut(serializers.Serializer[Any]):
    """Open items that the bank line may settle. ``ambiguous``: another candidate differs in nothing but the date."""

    key = serializers.CharField()
    confidence = serializers.FloatField()
    ambiguous = serializers.BooleanField()
    items = ItemOut(many=True)
    allocations = AllocationOut(many=True)
    fit = FitOut()
    evidence = EvidenceOut(many=True)
    with_bank_lines = serializers.ListField(child=serializers.IntegerField())


class OpinionOut(serializers.Serializer[Any]):
    """What the language model thinks, if it was asked: candidates' keys in its order. It decides nothing."""

    order = serializers.ListField(child=serializers.CharField(), required=False)
    explanation = serializers.CharField(required=False)
    model = serializers.CharField(required=False)


class ModelCallOut(serializers.ModelSerializer[ModelCall]):
    """A question to the language model; ``result`` is used, stale, slow, refused, malformed or invalid. Tokens do not overlap."""

    class Meta:
        model = ModelCall
        fields = (
            *("id", "model", "result", "detail", "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"),
            *("cost_usd", "latency_ms", "created_at"),
        )


class DecisionOut(serializers.ModelSerializer[Decision]):
    """A decision that stands. ``candidate_key`` is empty when the whole bank line was rejected."""

    class Meta:
        model = Decision
        fields = ("id", "accepted", "candidate_key", "actor", "created_at", "undone_at", "undone_by", "posting", "posting_message")


class SuggestionOut(serializers.ModelSerializer[Suggestion]):
    """A bank line with candidates, best first. ``selectable``: the first one may be pre-selected."""

    connector = serializers.UUIDField(source="connector_id")
    amount = serializers.SerializerMethodField()
    selectable = serializers.SerializerMethodField()
    candidates = CandidateOut(many=True)
    opinion = OpinionOut()
    decisions = DecisionOut(many=True, source="standing")

    class Meta:
        model = Suggestion
        fields = (
            *(
                "id",
                "connector",
                "company_id",
                "bank_line_id",
                "date",
                "amount",
                "currency",
                "reference",
                "partner_name",
                "outcome",
            ),
            *("state", "selectable", "confidence", "reason", "candidates", "opinion", "decisions", "computed_at"),
        )

    def get_amount(self, row: Suggestion) -> str:
        return f"{row.amount:.{row.decimals}f}"

    def get_selectable(self, row: Suggestion) -> bool:
        return row.outcome == Outcome.MATCH and row.state == State.OPEN


class AskedOut(serializers.Serializer[Any]):
    """The suggestion after the call, and the call."""

    suggestion = SuggestionOut()
    call = ModelCallOut()


class Choice(serializers.Serializer[Any]):
    """Which candidate is meant, by its key."""

    candidate = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields) if isinstance(self.initial_data, dict) else set()
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(sorted(unknown), "There is no such field; there is candidate"))
        return attrs
