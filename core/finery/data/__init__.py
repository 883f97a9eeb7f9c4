"""Records on disk: reading, shapes, identity, shards and manifests."""
