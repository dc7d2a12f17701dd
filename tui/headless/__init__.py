"""The commands that run without a screen: text for people, one JSON object a line for programs."""
