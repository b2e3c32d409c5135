"""The API's shapes. What a client sends is checked here for form; whether it fits the source, services decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors import queries
from connectors.models import ConnectorConfig, Mode, RejectedRecord, RunLog, Status, Trigger, name_rule
from ipai.access.models import User
from ipai.vault.models import Secret

MODES = Mode.choices


class Strict(serializers.Serializer[Any]):
    """A body whose unknown fields are errors, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = {name: [f"There is no such field; there is {', '.join(sorted(writable))}"] for name in set(data) - writable}
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class Nothing(Strict):
    """The body of an operation that takes none: empty, or ``{}``."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class ConfigField(serializers.JSONField):
    """The source's settings: a JSON object, as the source type's ``config_schema`` says."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be a JSON object")
        return data


class StrictText(serializers.CharField):
    """A text; REST framework alone would take a number or true for one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a text")
        return super().to_internal_value(data)


class SecretsField(serializers.DictField):
    """Secrets by name, write-only: ``{"password": "..."}``. Kept in the vault; on a change, those not named stay."""

    child = StrictText(trim_whitespace=False, max_length=64 * 1024)


class StrictNumber(serializers.IntegerField):
    """A whole number; REST framework alone would take the text "60" for one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("This must be a whole number")
        return super().to_internal_value(data)


class StrictYesOrNo(serializers.BooleanField):
    """true or false; REST framework alone would take 1, "yes" and "off"."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("This must be true or false")
        return data


class StrictChoice(serializers.ChoiceField):
    """One of some texts."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a text")
        return str(super().to_internal_value(data))


class OwnerField(serializers.SlugRelatedField[User]):
    """A person of the tenant, by user name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="username", queryset=User.objects.all(), **kwargs)

    def get_queryset(self) -> Any:
        return User.objects.filter(tenant=self.context["tenant"])

    def to_internal_value(self, data: Any) -> User:
        if not isinstance(data, str) or "\x00" in data:
            raise serializers.ValidationError("This must be a user name")
        return super().to_internal_value(data)


class ConnectorChange(Strict):
    """What can be changed. ``config`` replaces the whole config; secrets that are not named stay."""

    name = StrictText(required=False, max_length=100, validators=[name_rule], help_text="Unique within the tenant.")
    config = ConfigField(required=False)
    secrets = SecretsField(required=False, write_only=True)
    schedule = StrictText(required=False, allow_blank=True, max_length=100, help_text="Cron in UTC; empty: only by hand.")
    schedule_mode = StrictChoice(MODES, required=False)
    freshness_target_minutes = StrictNumber(required=False, min_value=1, max_value=525_600)
    is_enabled = StrictYesOrNo(required=False)
    owner = OwnerField(required=False, allow_null=True)


class ConnectorNew(ConnectorChange):
    """A new connector."""

    name = StrictText(max_length=100, validators=[name_rule], help_text="Unique within the tenant.")
    connector_type = StrictText(max_length=60, help_text="A key of source-types/, e.g. files.")
    config = ConfigField()


class SecretStamp(serializers.Serializer[Secret]):
    """When a secret was set and last used; its value is never shown."""

    set_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class FreshnessOut(serializers.Serializer[Any]):
    """Age of the newest successful run against the connector's target."""

    state = serializers.ChoiceField(["fresh", "late", "none"])
    age_seconds = serializers.IntegerField(allow_null=True)
    target_minutes = serializers.IntegerField()


class ConnectorOut(serializers.ModelSerializer[ConnectorConfig]):
    """A connector. Secrets are shown as names with the time they were set."""

    owner = serializers.SlugRelatedField[User](slug_field="username", read_only=True, allow_null=True)
    tenant = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    config = ConfigField()
    secrets = serializers.SerializerMethodField()
    next_run_at = serializers.SerializerMethodField()
    freshness = serializers.SerializerMethodField()
    last_status = serializers.ChoiceField(Status.choices, allow_null=True, read_only=True)
    last_run_id = serializers.UUIDField(allow_null=True, read_only=True)
    last_ended_at = serializers.DateTimeField(allow_null=True, read_only=True)
    open_run_id = serializers.UUIDField(allow_null=True, read_only=True)

    class Meta:
        model = ConnectorConfig
        fields = (
            *("id", "name", "connector_type", "tenant", "config", "secrets", "schedule", "schedule_mode", "next_run_at"),
            *("freshness_target_minutes", "freshness", "is_enabled", "owner", "created_at", "updated_at"),
            *("last_status", "last_run_id", "last_ended_at", "open_run_id"),
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=SecretStamp()))
    def get_secrets(self, connector: ConnectorConfig) -> dict[str, Any]:
        """Field -> when it was set; the stamps of the whole page were read at once."""
        known: Mapping[str, Secret] = self.context["stamps"]
        refs = dict(ref.partition("=")[::2] for ref in connector.vault_secret_refs)
        return {field: SecretStamp(known[name]).data for field, name in sorted(refs.items()) if name in known}

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_run_at(self, connector: ConnectorConfig) -> Any:
        return queries.next_run(connector)

    @extend_schema_field(FreshnessOut)
    def get_freshness(self, connector: ConnectorConfig) -> dict[str, Any]:
        fresh = queries.freshness(connector)
        age = None if fresh.age is None else int(fresh.age.total_seconds())
        return {"state": fresh.state, "age_seconds": age, "target_minutes": connector.freshness_target_minutes}


class CheckLine(serializers.Serializer[Any]):
    """What was tried, whether it worked, what to do if not."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField()
    warning = serializers.BooleanField(help_text="It works, but read the detail before you rely on it.")


class CheckOut(serializers.Serializer[Any]):
    """``ok`` when every line is."""

    ok = serializers.BooleanField()
    checks = CheckLine(many=True)


class RunOrder(Strict):
    """Which connector to run, by name or id."""

    connector = StrictText(max_length=100)
    mode = StrictChoice(MODES, default=Mode.INCREMENTAL.value)
    streams = serializers.ListField(child=StrictText(max_length=200), required=False, max_length=500, help_text="Only these.")


class RunQueued(serializers.Serializer[Any]):
    """The run that was queued; ``Location`` says where to follow it."""

    run_id = serializers.UUIDField()


class StreamOut(serializers.Serializer[Any]):
    """read = written + updated + unchanged + rejected + deduplicated; deleted is apart."""

    stream = serializers.CharField()
    read = serializers.IntegerField()
    written = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    deleted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    deduplicated = serializers.IntegerField()
    target = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    error_message = serializers.CharField()
    progress = serializers.DictField(allow_null=True, help_text="While running: phase, rows, bytes, bytes_total, part.")
    schema_changes = serializers.ListField(child=serializers.JSONField())
    warnings = serializers.ListField(child=serializers.CharField())


class RunOut(serializers.Serializer[Any]):
    """A run, as ``runconnector --json`` prints it too."""

    run_id = serializers.UUIDField()
    connector = serializers.CharField()
    mode = serializers.ChoiceField(MODES)
    trigger = serializers.ChoiceField(Trigger.choices)
    status = serializers.ChoiceField(Status.choices)
    queued_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    rows_read = serializers.IntegerField()
    rows_written = serializers.IntegerField()
    error_message = serializers.CharField()
    streams = StreamOut(many=True)
    proof = serializers.DictField(allow_null=True, help_text="Whether the loaded rows equal the source's, where it can tell.")


class RejectedOut(serializers.ModelSerializer[RejectedRecord]):
    """A record that was read and not loaded: why, and where it stands."""

    class Meta:
        model = RejectedRecord
        fields = ("id", "stream", "place", "reason", "raw")


class LogLine(serializers.ModelSerializer[RunLog]):
    """One line of a run's log."""

    class Meta:
        model = RunLog
        fields = ("id", "stream", "level", "message", "created_at")


class SecretFieldOut(serializers.Serializer[Any]):
    """A secret that the source takes."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    required = serializers.BooleanField()  # type: ignore[assignment]


class SourceTypeOut(serializers.Serializer[Any]):
    """A vendor type and the JSON Schema of its config."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    description = serializers.CharField()
    config_schema = serializers.DictField()
    secrets = SecretFieldOut(many=True)
