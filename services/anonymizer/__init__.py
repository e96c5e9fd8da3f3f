"""The extract of a case: its specification, plan, production, check and one-time delivery (APPI Arts. 109, 116, 121)."""
