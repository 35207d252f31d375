channel_sources =
