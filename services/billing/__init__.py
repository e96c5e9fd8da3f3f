"""What a proposal costs, what was invoiced and what was paid (APPI Art. 119)."""
