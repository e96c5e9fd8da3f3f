"""What a verb of the command may end with: one readable line."""


class Failed(Exception):
    """The verb could not do what was asked; the message is the one line its user reads."""
