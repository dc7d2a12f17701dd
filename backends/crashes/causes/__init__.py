"""Why it happened: rules that know the text, each with where the text comes from."""
