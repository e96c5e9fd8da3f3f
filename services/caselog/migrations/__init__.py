"""SQL of the case log."""
