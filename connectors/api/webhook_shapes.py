"""The API's shapes of webhooks and their deliveries."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from connectors.api.serializers import Strict
from connectors.models import DeliveryStatus, WebhookDelivery
from connectors.webhooks.queries import State


class SweepOut(serializers.Serializer[Any]):
    """The last look at what the vendor could not deliver."""

    at = serializers.DateTimeField()
    hooks = serializers.IntegerField(help_text="Webhooks at the vendor that point here.")
    listed = serializers.IntegerField(help_text="Deliveries that were looked at.")
    fetched = serializers.IntegerField(help_text="Lost ones that were fetched.")
    gap = serializers.CharField(help_text="Why a run had to read what changed; empty when it had not.")
    error = serializers.CharField()


class WebhookOut(serializers.Serializer[Any]):
    """Where a connector takes webhooks, and how that goes."""

    url = serializers.SerializerMethodField()
    has_secret = serializers.BooleanField(help_text="Without a secret nothing is taken.")
    secret_set_at = serializers.DateTimeField(allow_null=True)
    previous_until = serializers.DateTimeField(allow_null=True, help_text="Until when the secret before is accepted.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="The newest 10,000 deliveries by status.")
    last_hour = serializers.IntegerField(help_text="Deliveries received in the last hour.")
    last_received_at = serializers.DateTimeField(allow_null=True)
    sweep = SweepOut(allow_null=True)

    def get_url(self, state: State) -> str:
        return str(self.context["request"].build_absolute_uri(state.path))


class WebhookSecretOrder(Strict):
    """What to do with the new secret."""

    at_vendor = serializers.BooleanField(default=False, help_text="Make the webhook at the vendor, or give it the new secret.")


class HookOut(serializers.Serializer[Any]):
    """A webhook at the vendor."""

    place = serializers.CharField()
    url = serializers.CharField()
    active = serializers.BooleanField()


class WebhookSecretOut(serializers.Serializer[Any]):
    """A new secret: it is shown this once."""

    url = serializers.CharField()
    secret = serializers.CharField()
    hooks = HookOut(many=True)
    problem = serializers.CharField(help_text="Why the vendor could not be told; empty when it was, or was not to be.")


class DeliveryOut(serializers.ModelSerializer[WebhookDelivery]):
    """A webhook call as received, without its payload."""

    delivery_id = serializers.CharField(source="id")
    status = serializers.ChoiceField(DeliveryStatus.choices)

    class Meta:
        model = WebhookDelivery
        fields = [
            *("delivery_id", "event", "action", "repository_id", "hook_id", "received_at", "happened_at", "status", "attempts"),
            *("receipts", "retry_at", "processed_at", "error", "run_id", "payload_bytes"),
        ]


class DeliveryDetailOut(DeliveryOut):
    """A webhook call with its payload."""

    payload = serializers.CharField(allow_null=True, help_text="JSON text, the beginning of it where it is very long.")

    class Meta(DeliveryOut.Meta):
        fields = [*DeliveryOut.Meta.fields, "payload"]


class ProcessAgainOut(serializers.Serializer[Any]):
    """How many deliveries are processed again."""

    deliveries = serializers.IntegerField()
