"""The only code that speaks to Anthropic."""
