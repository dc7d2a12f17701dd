"""The Fleet of backends.api, kept: a part for each thing that it does, over one desk."""
