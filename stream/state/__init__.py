"""State as bytes: snapshots, the changelog by device, earlier versions."""
