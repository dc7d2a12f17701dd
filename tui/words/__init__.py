"""From the model to lines of text. Pure: no widget, no terminal, no clock of its own."""
