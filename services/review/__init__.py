"""Review: screening, decision, notice and use contract (APPI Arts. 113-115)."""
