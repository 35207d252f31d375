# Manual pages and chapters.
