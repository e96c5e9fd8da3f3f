"""What any event-sourced service needs, and no domain word."""
