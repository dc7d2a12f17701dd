"""A host's commands and files. Nothing else imports asyncssh or psutil."""
