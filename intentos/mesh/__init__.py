"""The mesh: neighbours lend their idle machines, and nobody has to trust anybody."""
