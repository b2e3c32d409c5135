"""How the gold figures are made from what connectors loaded, one repository at a time."""
