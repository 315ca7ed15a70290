"""The report of a run as Markdown: the page, a section a test, tables, escapes."""
