# Manual pages and chapters.
doc_files = \
	doc/architecture.md \
	doc/migration-stream.md \
	doc/tutorial.md \
	doc/write-a-channel.md
