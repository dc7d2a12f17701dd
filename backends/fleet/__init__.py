"""The hosts: a supervisor for each, the pure store of what is known, and the mailboxes of its readers."""
