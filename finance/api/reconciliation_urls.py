"""Addresses under /api/v1/finance/reconciliation/."""

from django.urls import path

from finance.api.reconciliation import SuggestionViewSet

EVERY = "finance/reconciliation/suggestions/"
ONE = f"{EVERY}<uuid:suggestion_id>/"

urlpatterns = [
    path(EVERY, SuggestionViewSet.as_view({"get": "list"})),
    path(ONE, SuggestionViewSet.as_view({"get": "retrieve"})),
    path(f"{ONE}accept", SuggestionViewSet.as_view({"post": "accept"})),
    path(f"{ONE}reject", SuggestionViewSet.as_view({"post": "reject"})),
    path(f"{ONE}undo", SuggestionViewSet.as_view({"post": "undo"})),
    path(f"{ONE}opinion", SuggestionViewSet.as_view({"post": "ask_model"})),
    path(f"{ONE}post", SuggestionViewSet.as_view({"post": "post_to_erp"})),
]
