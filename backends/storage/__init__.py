"""Storage by its identity: who sees it, whether that is proved, what was promised of it, and how a disk grows."""
