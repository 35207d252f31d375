core_sources = lib/core/version.c
