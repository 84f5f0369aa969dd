"""Not written yet: see the CHANGELOG for what this release holds."""
