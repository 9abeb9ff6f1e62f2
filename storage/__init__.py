"""MongoDB mechanics: client, grouped durable writes, change feed, leases, migrations, field encryption, blobs. No domain."""
