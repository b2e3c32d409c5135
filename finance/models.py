"""What Django finds of this app's tables; statements and their gates are SQL alone."""

from finance.reconciliation.models import Allocation, Decision, Learned, ModelCall, Suggestion

__all__ = ["Allocation", "Decision", "Learned", "ModelCall", "Suggestion"]
