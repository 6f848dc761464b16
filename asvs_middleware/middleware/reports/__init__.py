"""The collector of what browsers report."""
