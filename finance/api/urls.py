"""Addresses of finance under /api/v1/finance/."""

from django.urls import path

from finance.api import reconciliation_urls, views

urlpatterns = [
    path("finance/profit-and-loss", views.ProfitAndLoss.as_view()),
    path("finance/balance-sheet", views.BalanceSheet.as_view()),
    path("finance/cashflow", views.Cashflow.as_view()),
    path("finance/trial-balance", views.TrialBalance.as_view()),
    path("finance/aging", views.Aging.as_view()),
    path("finance/open-items", views.OpenItems.as_view()),
    *reconciliation_urls.urlpatterns,
]
