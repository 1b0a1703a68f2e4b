"""What people see: messages, progress, plans, redaction of secrets."""
