"""Questions in front of a screen: one thing each, answered by keys, and escape is always the harmless answer."""
