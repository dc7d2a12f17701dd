"""Questions before a move, one file a topic. Each is an async function that answers with Check values.

A refusal must be certain; a doubt is a warning or an unknown that the user may accept.
"""
