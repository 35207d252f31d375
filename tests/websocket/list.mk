websocket_tests = \
	tests/websocket/test-client \
	tests/websocket/test-frame \
	tests/websocket/test-http \
	tests/websocket/test-key \
	tests/websocket/test-mask \
	tests/websocket/test-options \
	tests/websocket/test-server \
	tests/websocket/test-utf8
