endpoint_sources =
