"""Intake: the file register, calls and proposals (APPI Arts. 75, 110-112, 117)."""
