"""The command centre at /devops/: what a lead looks at each morning. Every number leads to the rows behind it."""
