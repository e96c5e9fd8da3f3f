"""The front door of Anken: one command, and the servers it can bring along."""
