# Manual pages and chapters.
doc_files = \
	doc/architecture.md \
	doc/loop.md \
	doc/migration-channels.md \
	doc/migration-stream.md \
	doc/performance.md \
	doc/tutorial.md \
	doc/websocket.md \
	doc/write-a-channel.md

dist_man1_MANS = \
	doc/qio-migrate-recv.1 \
	doc/qio-migrate-send.1
