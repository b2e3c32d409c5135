"""Addresses of finance under /api/v1/finance/."""

from django.urls import include, path

from finance.api import views

urlpatterns = [
    path("profit-and-loss", views.ProfitAndLoss.as_view()),
    path("balance-sheet", views.BalanceSheet.as_view()),
    path("cashflow", views.Cashflow.as_view()),
    path("trial-balance", views.TrialBalance.as_view()),
    path("aging", views.Aging.as_view()),
    path("open-items", views.OpenItems.as_view()),
    path("reconciliation/", include("finance.api.reconciliation_urls")),
]
